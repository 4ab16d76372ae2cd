//! Go's templates over JSON documents: `{{range .items}}{{.metadata.name}}{{end}}` (upstream: `text/template`).
//!
//! Numbers of the document are floats, as Go decodes them, and those of the template are integers, so that the two do
//! not compare: templates that work with upstream's kubectl work here, and those that do not fail with the same words.

mod evaluate;
mod functions;
mod lex;
mod parse;
mod printf;
#[cfg(test)]
mod tests;

use std::io::Write;

use k8s_api::primitives::quote;
use serde_json::Value;

use super::ResourcePrinter;
use crate::gotext::go_value;
use crate::{Result, message};
use parse::Node;

/// Why a template is none, or cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub(super) String);

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    nodes: Vec<Node>,
    defined: Vec<(String, Vec<Node>)>,
    missing_key_error: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It does not follow the grammar.
    pub fn parse(text: &str) -> std::result::Result<Self, TemplateError> {
        let (nodes, defined) = parse::parse(text)?;
        Ok(Self {
            source: text.to_owned(),
            nodes,
            defined,
            missing_key_error: false,
        })
    }

    /// Whether a member that is not there is `<no value>`, or an error.
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.missing_key_error = !allow;
        self
    }

    /// Carries it out; the text that was written before an error is in `out`.
    ///
    /// # Errors
    /// A function does not take its arguments, or a value does not have what is asked of it.
    pub fn execute(&self, data: &Value, out: &mut String) -> std::result::Result<(), TemplateError> {
        evaluate::execute(self, data, out)
    }
}

/// Writes what a template makes of objects.
#[derive(Clone, Debug)]
pub struct GoTemplatePrinter {
    template: Template,
}

impl GoTemplatePrinter {
    /// A printer for a template.
    #[must_use]
    pub fn new(template: Template) -> Self {
        Self { template }
    }
}

impl ResourcePrinter for GoTemplatePrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        let mut text = String::new();
        let outcome = self.template.execute(object, &mut text);
        out.write_all(text.as_bytes())?;
        let Err(error) = outcome else { return Ok(()) };
        let source = &self.template.source;
        writeln!(
            out,
            "Error executing template: {error}. Printing more information for debugging the template:"
        )?;
        write!(out, "\ttemplate was:\n\t\t{source}\n\traw data was:\n\t\t{object}\n")?;
        write!(
            out,
            "\tobject given to template engine was:\n\t\t{}\n\n",
            go_value(object)
        )?;
        Err(message!("error executing template {}: {error}", quote(source)))
    }
}
