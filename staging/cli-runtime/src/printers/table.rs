//! Tables: those that servers make, and name and age of what comes without one (upstream: `tableprinter.go`).

use std::io::Write;

use serde_json::{Value, json};

use super::ResourcePrinter;
use crate::Result;
use crate::gotext::{TabWriter, age, format_labels};
use crate::resource::{is_list, text_at};

/// What a table shows.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PrintOptions {
    /// No line of headers.
    pub no_headers: bool,
    /// A column of namespaces.
    pub with_namespace: bool,
    /// Names with their type before them.
    pub with_kind: bool,
    /// Columns of lower priority too.
    pub wide: bool,
    /// A column of all labels.
    pub show_labels: bool,
    /// Group and kind, for `with_kind`.
    pub kind: (String, String),
    /// Columns of single labels.
    pub column_labels: Vec<String>,
}

/// Writes tables; headers again when the columns change.
#[derive(Clone, Debug, Default)]
pub struct TablePrinter {
    options: PrintOptions,
    last_columns: Vec<Value>,
    printed_headers: bool,
    last_plain: Option<&'static str>,
}

/// Whether a server made a table of it.
fn is_table(object: &Value) -> bool {
    let version = text_at(object, &["apiVersion"]);
    text_at(object, &["kind"]) == "Table" && matches!(version, "meta.k8s.io/v1" | "meta.k8s.io/v1beta1")
}

fn padded(event: &str) -> String {
    format!("{event:<8}")
}

impl TablePrinter {
    /// A printer for these options.
    #[must_use]
    pub fn new(options: PrintOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    fn write(&mut self, event: Option<&str>, object: &Value, out: &mut dyn Write) -> Result<()> {
        if is_table(object) {
            self.table(event, object, out)
        } else {
            self.plain(event, object, out)
        }
    }

    fn table(&mut self, event: Option<&str>, table: &Value, out: &mut dyn Write) -> Result<()> {
        let columns = table["columnDefinitions"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let rows = table["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut headers = !self.options.no_headers;
        if self.printed_headers && (columns.is_empty() || columns == self.last_columns) {
            headers = false;
        }
        // Events of a watch leave the columns out that were sent before.
        if !columns.is_empty() && columns != self.last_columns {
            self.last_columns = columns.to_vec();
            self.printed_headers = false;
        }
        if !rows.is_empty() {
            self.printed_headers = true;
        }
        let columns = &self.last_columns;
        if headers && !rows.is_empty() {
            let line = self.header(event, columns);
            writeln!(out, "{line}")?;
        }
        for row in rows {
            let line = self.row(event, columns, row);
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn shown(&self, column: &Value) -> bool {
        self.options.wide || column["priority"].as_i64().unwrap_or(0) == 0
    }

    fn header(&self, event: Option<&str>, columns: &[Value]) -> String {
        let names = columns
            .iter()
            .filter(|column| self.shown(column))
            .map(|column| text_at(column, &["name"]).to_uppercase());
        self.decorated_header(event, names)
    }

    fn decorated_header(&self, event: Option<&str>, names: impl Iterator<Item = String>) -> String {
        let options = &self.options;
        let label = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        let cells: Vec<String> = event
            .map(|_| "EVENT".to_owned())
            .into_iter()
            .chain(options.with_namespace.then(|| "NAMESPACE".to_owned()))
            .chain(names)
            .chain(options.column_labels.iter().map(label))
            .chain(options.show_labels.then(|| "LABELS".to_owned()))
            .collect();
        cells.join("\t")
    }

    fn row(&self, event: Option<&str>, columns: &[Value], row: &Value) -> String {
        let cells = row["cells"].as_array().map(Vec::as_slice).unwrap_or_default();
        let name_column = columns
            .iter()
            .position(|column| text_at(column, &["format"]) == "name" && text_at(column, &["type"]) == "string");
        let shown = columns
            .iter()
            .zip(cells)
            .enumerate()
            .filter(|(_, (column, _))| self.shown(column));
        let texts = shown.map(|(index, (_, cell))| match name_column == Some(index) {
            true => self.with_kind(cell_text(cell)),
            false => cell_text(cell),
        });
        self.decorated_row(event, &row["object"]["metadata"], texts)
    }

    fn with_kind(&self, name: String) -> String {
        let (group, kind) = &self.options.kind;
        if !self.options.with_kind || kind.is_empty() {
            return name;
        }
        let kind = kind.to_lowercase();
        if group.is_empty() {
            format!("{kind}/{name}")
        } else {
            format!("{kind}.{}/{name}", group.to_lowercase())
        }
    }

    fn decorated_row(&self, event: Option<&str>, metadata: &Value, texts: impl Iterator<Item = String>) -> String {
        let options = &self.options;
        let labels = metadata.get("labels");
        let value = |key: &String| {
            labels
                .and_then(|labels| labels[key].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let cells: Vec<String> = event
            .map(padded)
            .into_iter()
            .chain(
                options
                    .with_namespace
                    .then(|| text_at(metadata, &["namespace"]).to_owned()),
            )
            .chain(texts)
            .chain(options.column_labels.iter().map(value))
            .chain(options.show_labels.then(|| format_labels(labels)))
            .collect();
        cells.join("\t")
    }

    /// Objects that came without a table: name and age; of a failure what the server says.
    fn plain(&mut self, event: Option<&str>, object: &Value, out: &mut dyn Write) -> Result<()> {
        let (which, names): (_, &[&str]) = if text_at(object, &["kind"]) == "Status" {
            ("status", &["STATUS", "REASON", "MESSAGE"])
        } else {
            ("object", &["NAME", "AGE"])
        };
        if self.last_plain != Some(which) && !self.options.no_headers {
            if self.last_plain.is_some() {
                writeln!(out)?;
            }
            let line = self.decorated_header(event, names.iter().map(|name| (*name).to_owned()));
            writeln!(out, "{line}")?;
        }
        self.last_plain = Some(which);
        let one = std::slice::from_ref(object);
        let objects = match object["items"].as_array() {
            Some(items) if is_list(object) => items.as_slice(),
            _ => one,
        };
        for object in objects {
            let cells = match which {
                "status" => ["status", "reason", "message"]
                    .map(|member| text_at(object, &[member]).to_owned())
                    .to_vec(),
                _ => vec![
                    self.with_kind(text_at(object, &["metadata", "name"]).to_owned()),
                    age(text_at(object, &["metadata", "creationTimestamp"])),
                ],
            };
            let line = self.decorated_row(event, &object["metadata"], cells.into_iter());
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// A cell as one line of plain text.
fn cell_text(cell: &Value) -> String {
    let text = match cell {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut = match text.find(['\x0c', '\n', '\r']) {
        Some(end) => format!("{}...", &text[..end]),
        None => text,
    };
    // What moves a terminal's cursor or colours is shown, not done.
    if cut.contains('\u{1b}') {
        cut.replace('\u{1b}', "^[")
    } else {
        cut
    }
}

impl ResourcePrinter for TablePrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        let mut table = TabWriter::table();
        self.write(None, object, &mut table)?;
        Ok(table.flush_to(out)?)
    }

    fn print_tabbed(&mut self, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.write(None, object, out)
    }

    fn print_event(&mut self, event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.write(Some(event), object, out)
    }
}

/// A table of one's own: columns by name, rows of cells.
#[must_use]
pub fn table_of(columns: &[&str], rows: Vec<Vec<String>>) -> Value {
    let columns: Vec<_> = columns
        .iter()
        .map(|name| json!({"name": name, "type": "string"}))
        .collect();
    let rows: Vec<_> = rows.into_iter().map(|cells| json!({"cells": cells})).collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": columns, "rows": rows})
}
