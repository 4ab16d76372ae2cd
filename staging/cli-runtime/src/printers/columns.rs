//! `-o custom-columns` (upstream: `kubectl/pkg/cmd/get/customcolumn.go`).

use std::io::Write;

use serde_json::{Value, json};

use super::ResourcePrinter;
use super::jsonpath::{JsonPath, relaxed};
use crate::gotext::{TabWriter, go_value};
use crate::resource::is_list;
use crate::{Result, message};

/// Writes a table of what its paths find.
#[derive(Clone, Debug)]
pub struct CustomColumnsPrinter {
    columns: Vec<(String, JsonPath)>,
    no_headers: bool,
    printed: bool,
}

fn column(header: &str, path: &str) -> Result<(String, JsonPath)> {
    let words = |error: super::jsonpath::JsonPathError| message!("{error}");
    let path = JsonPath::parse(&relaxed(path).map_err(words)?).map_err(words)?;
    Ok((header.to_owned(), path.allow_missing_keys(true)))
}

impl CustomColumnsPrinter {
    /// `HEADER:path,HEADER:path`.
    ///
    /// # Errors
    /// A part is not of this form.
    pub fn from_spec(spec: &str, no_headers: bool) -> Result<Self> {
        if spec.is_empty() {
            return Err(message!("custom-columns format specified but no custom columns given"));
        }
        let part = |part: &str| match part.split_once(':') {
            Some((header, path)) => column(header, path),
            None => Err(message!(
                "unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            )),
        };
        Ok(Self {
            columns: spec.split(',').map(part).collect::<Result<_>>()?,
            no_headers,
            printed: false,
        })
    }

    /// A line of headers and a line of paths.
    ///
    /// # Errors
    /// The two lines are not of this form.
    pub fn from_template(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let mut words = |which: &str| match lines.next() {
            Some(line) => Ok(line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
            None => Err(message!(
                "invalid template, missing {which} line. Expected format is one line of space separated headers, one line of space separated column specs."
            )),
        };
        let (headers, paths) = (words("header")?, words("spec")?);
        if headers.len() != paths.len() {
            return Err(message!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                paths.len()
            ));
        }
        let columns = headers.iter().zip(&paths).map(|(header, path)| column(header, path));
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            no_headers: false,
            printed: false,
        })
    }

    fn row(&self, object: &Value) -> Result<String> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (_, path) in &self.columns {
            let found = path.find(object).map_err(|error| message!("{error}"))?;
            let mut texts: Vec<String> = found.iter().flatten().map(|value| go_value(value)).collect();
            if found.first().is_none_or(Vec::is_empty) {
                texts.insert(0, "<none>".to_owned());
            }
            cells.push(texts.join(",").replace('\u{1b}', "^["));
        }
        Ok(cells.join("\t"))
    }
}

impl ResourcePrinter for CustomColumnsPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        let mut table = TabWriter::table();
        self.print_tabbed(object, &mut table)?;
        Ok(table.flush_to(out)?)
    }

    fn print_tabbed(&mut self, object: &Value, out: &mut TabWriter) -> Result<()> {
        if !self.no_headers && !std::mem::replace(&mut self.printed, true) {
            let headers: Vec<_> = self.columns.iter().map(|(header, _)| header.as_str()).collect();
            writeln!(out, "{}", headers.join("\t"))?;
        }
        let one = std::slice::from_ref(object);
        let objects = match object["items"].as_array() {
            Some(items) if is_list(object) => items.as_slice(),
            _ => one,
        };
        for object in objects {
            let row = self.row(object)?;
            writeln!(out, "{row}")?;
        }
        Ok(())
    }

    fn print_event(&mut self, event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.print_tabbed(&json!({"type": event, "object": object}), out)
    }
}
