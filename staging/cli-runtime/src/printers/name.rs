//! `pod/x`, and `pod/x created` behind a change.

use std::io::Write;

use serde_json::Value;

use super::ResourcePrinter;
use crate::gotext::TabWriter;
use crate::resource::{group_kind, is_list, text_at};
use crate::{Result, message};

/// Writes type and name, and what was done if it is told.
#[derive(Clone, Debug, Default)]
pub struct NamePrinter {
    /// What was done (`created`); empty for the name alone.
    pub operation: String,
}

impl ResourcePrinter for NamePrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        if is_list(object) {
            let items = object["items"].as_array().into_iter().flatten();
            return items.into_iter().try_for_each(|item| self.print(item, out));
        }
        let (group, kind) = group_kind(object);
        if kind.is_empty() {
            return Err(message!(
                "missing apiVersion or kind; try GetObjectKind().SetGroupVersionKind() if you know the type"
            ));
        }
        let name = match text_at(object, &["metadata", "name"]) {
            "" => "<unknown>",
            name => name,
        };
        let (dot, blank) = (
            if group.is_empty() { "" } else { "." },
            if self.operation.is_empty() { "" } else { " " },
        );
        Ok(writeln!(
            out,
            "{}{dot}{group}/{name}{blank}{}",
            kind.to_lowercase(),
            self.operation
        )?)
    }

    fn print_event(&mut self, _event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.print(object, out)
    }
}
