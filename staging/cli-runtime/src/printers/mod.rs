//! From objects to text (upstream: `cli-runtime/pkg/printers`).

mod columns;
mod flags;
mod json;
pub mod jsonpath;
mod kyaml;
mod name;
mod ordered;
mod table;
pub mod template;
#[cfg(test)]
mod tests;

use std::io::Write;

use serde_json::Value;

pub use columns::CustomColumnsPrinter;
pub use flags::{FORMATS, PrintFlags, no_compatible_printer};
pub use json::{JsonPrinter, YamlPrinter, json_indented};
pub use kyaml::KyamlPrinter;
pub use name::NamePrinter;
pub use table::{PrintOptions, TablePrinter, table_of};

use crate::Result;
use crate::gotext::TabWriter;

/// Writes objects.
pub trait ResourcePrinter {
    /// Writes one object, or one list.
    ///
    /// # Errors
    /// The object is not what the printer prints, or the output cannot be written.
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()>;

    /// The same among the lines of a table that others write to as well.
    ///
    /// # Errors
    /// Like [`ResourcePrinter::print`].
    fn print_tabbed(&mut self, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.print(object, out)
    }

    /// Writes what happened to an object (`ADDED`, …) along with it.
    ///
    /// # Errors
    /// Like [`ResourcePrinter::print`].
    fn print_event(&mut self, event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.print_tabbed(&serde_json::json!({"type": event, "object": object}), out)
    }
}
