//! Writing what was found.

use std::sync::Arc;

use cli_runtime::gotext::TabWriter;
use cli_runtime::printers::{FORMATS, PrintOptions, TablePrinter};
use cli_runtime::resource::{Found, is_list, text_at};
use cli_runtime::{CommandError, Info, ResourcePrinter, RestMapping, Result};
use serde_json::{Value, json};

use super::{GetOptions, OWN_FORMATS, sort};
use crate::frame::Context;

/// Whether two objects are of one type.
fn same_type(a: &RestMapping, b: &RestMapping) -> bool {
    a.group == b.group && a.version == b.version && a.name == b.name
}

impl GetOptions {
    /// The printer that `-o` asks for.
    pub(super) fn printer(
        &self,
        mapping: Option<&RestMapping>,
        with_namespace: bool,
        with_kind: bool,
    ) -> Result<Box<dyn ResourcePrinter>> {
        if self.is_human_readable() {
            return Ok(Box::new(self.table_printer(mapping, with_namespace, with_kind)));
        }
        if let Some(printer) = self.print.custom_columns(self.no_headers)? {
            return Ok(Box::new(printer));
        }
        let formats: Vec<_> = FORMATS.iter().chain(&OWN_FORMATS).copied().collect();
        self.print.to_printer_among(&formats)
    }

    pub(super) fn table_printer(
        &self,
        mapping: Option<&RestMapping>,
        with_namespace: bool,
        with_kind: bool,
    ) -> TablePrinter {
        TablePrinter::new(PrintOptions {
            no_headers: self.no_headers,
            with_namespace,
            with_kind: with_kind || self.show_kind,
            wide: self.print.output == "wide",
            show_labels: self.show_labels,
            kind: mapping
                .map(|mapping| (mapping.group.clone(), mapping.kind.clone()))
                .unwrap_or_default(),
            column_labels: self.label_columns.clone(),
        })
    }

    fn errors(&self, mut errors: Vec<CommandError>) -> Vec<CommandError> {
        if self.ignore_not_found {
            errors.retain(|error| !error.is_not_found());
        }
        errors
    }

    /// A table for each type.
    pub(super) fn print_tables(&self, context: &Context, found: Found, namespace: &str) -> Result<()> {
        let Found { mut infos, errors, .. } = found;
        let errors = self.errors(errors);
        if !self.sort_by.is_empty() {
            sort::sort(&mut infos, &self.sort_by)?;
        }
        let with_kind = match infos.as_slice() {
            [first, rest @ ..] => {
                let kind = |info: &Info| {
                    info.mapping
                        .as_deref()
                        .map(|m| (m.group.clone(), m.version.clone(), m.kind.clone()))
                };
                rest.iter().any(|info| kind(info) != kind(first))
            }
            [] => false,
        };
        let (mut printer, mut last): (Option<TablePrinter>, Option<Arc<RestMapping>>) = (None, None);
        let mut table = TabWriter::table();
        let mut text = String::new();
        let mut all_namespaced = !self.all_namespaces;
        let mut separate = false;
        for info in &infos {
            all_namespaced &= info.namespaced();
            let mapping = info.mapping.as_ref();
            let is_new = match (&last, mapping) {
                (Some(last), Some(mapping)) => !same_type(last, mapping),
                _ => true,
            };
            if is_new {
                append(&mut text, &mut table, &mut separate);
                table.forget_widths();
                separate |= last.is_some() && !self.no_headers && !text.is_empty();
                let with_namespace = self.all_namespaces && mapping.is_none_or(|mapping| mapping.namespaced);
                printer = Some(self.table_printer(mapping.map(|mapping| &**mapping), with_namespace, with_kind));
                last = mapping.cloned();
            }
            if let Some(printer) = &mut printer {
                printer.print_tabbed(info.object(), &mut table)?;
            }
        }
        append(&mut text, &mut table, &mut separate);
        context.streams.out.print(&text)?;
        if text.is_empty() && !self.ignore_not_found && errors.is_empty() {
            context.streams.err.print(if all_namespaced {
                format!("No resources found in {namespace} namespace.\n")
            } else {
                "No resources found\n".to_owned()
            })?;
        }
        match errors.as_slice() {
            // Upstream has this one in a list, whose entries have no `error: ` before them.
            [CommandError::Message(text)] => Err(CommandError::Verbatim(text.clone())),
            _ => CommandError::collect(errors),
        }
    }

    /// One object, or all of them in a list.
    pub(super) fn print_objects(&self, context: &Context, found: Found) -> Result<()> {
        let Found {
            infos,
            errors,
            single_item_implied,
            ..
        } = found;
        let errors = self.errors(errors);
        if single_item_implied {
            CommandError::collect(errors.clone())?;
        }
        if infos.is_empty() && self.ignore_not_found {
            return CommandError::collect(errors);
        }
        let mut printer = self.printer(None, false, false)?;
        let single = single_item_implied && infos.len() == 1;
        let mut objects: Vec<Value> = infos.into_iter().filter_map(|info| info.object).collect();
        let object = if single && !is_list(&objects[0]) {
            objects.remove(0)
        } else {
            let version = if single {
                text_at(&objects[0], &["metadata", "resourceVersion"]).to_owned()
            } else {
                String::new()
            };
            if single && let Some(items) = objects[0].get_mut("items").and_then(Value::as_array_mut) {
                objects = std::mem::take(items);
            }
            if !self.sort_by.is_empty() {
                sort::sort_objects(&mut objects, &self.sort_by)?;
            }
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": version}, "items": objects})
        };
        let printed = printer.print(&object, &mut &context.streams.out);
        let mut errors = errors;
        errors.extend(printed.err());
        CommandError::collect(errors)
    }
}

/// Moves a finished table to the text, with a line between two.
fn append(text: &mut String, table: &mut TabWriter, separate: &mut bool) {
    if table.is_empty() {
        return;
    }
    if std::mem::take(separate) {
        text.push('\n');
    }
    text.push_str(&table.take());
}
