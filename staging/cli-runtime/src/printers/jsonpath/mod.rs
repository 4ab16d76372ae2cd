//! kubectl's dialect of JSONPath: `{.items[*].metadata.name}`, filters, unions, `{range}…{end}` (upstream:
//! `client-go/util/jsonpath`).

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::Write;

use apimachinery::codec::json as go_json;
use serde_json::Value;

use super::{ResourcePrinter, json_indented};
use crate::{Result, message};
use parse::Node;

/// Why an expression is none, or finds nothing; in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonPathError(pub(super) String);

/// An expression: texts, and paths in braces.
#[derive(Clone, Debug)]
pub struct JsonPath {
    source: String,
    nodes: Vec<Node>,
    allow_missing_keys: bool,
}

impl JsonPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// It does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        Ok(Self {
            source: text.to_owned(),
            nodes: parse::parse(text)?,
            allow_missing_keys: false,
        })
    }

    /// Whether a member that is not there is nothing, or an error.
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.allow_missing_keys = allow;
        self
    }

    /// What each text and path comes to.
    ///
    /// # Errors
    /// A member is missing, an index is out of bounds, a comparison makes no sense.
    pub fn find<'v>(&'v self, data: &'v Value) -> Result<Vec<Vec<Cow<'v, Value>>>, JsonPathError> {
        evaluate::find(&self.nodes, data, self.allow_missing_keys)
    }
}

/// `metadata.name`, `.metadata.name`, `{metadata.name}` as `{.metadata.name}`.
///
/// # Errors
/// Braces that do not pair.
pub fn relaxed(expression: &str) -> Result<String, JsonPathError> {
    if expression.is_empty() {
        return Ok(String::new());
    }
    let bare = match expression.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => inner,
        None => expression,
    };
    let bare = bare.strip_prefix('.').unwrap_or(bare);
    if bare.is_empty() || bare.contains(['{', '}']) {
        return Err(JsonPathError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
                .to_owned(),
        ));
    }
    Ok(format!("{{.{bare}}}"))
}

/// A value as Go's `fmt.Sprint` writes it where it stands alone.
#[must_use]
pub fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => crate::gotext::go_float(float),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Writes what an expression finds.
#[derive(Clone, Debug)]
pub struct JsonPathPrinter {
    path: JsonPath,
    as_json: bool,
}

impl JsonPathPrinter {
    /// A printer for an expression; `as_json` writes lists in JSON.
    #[must_use]
    pub fn new(path: JsonPath, as_json: bool) -> Self {
        Self { path, as_json }
    }

    fn text(&self, results: &[Cow<'_, Value>]) -> String {
        if self.as_json {
            let list: Value = results.iter().map(|value| value.as_ref().clone()).collect();
            return json_indented(&list) + "\n";
        }
        let texts: Vec<String> = results
            .iter()
            .map(|value| match value.as_ref() {
                value @ (Value::Array(_) | Value::Object(_)) => {
                    let bytes = go_json::to_vec(value).expect("a JSON value encodes as JSON");
                    String::from_utf8_lossy(&bytes).trim_end().to_owned()
                }
                scalar => scalar_text(scalar),
            })
            .collect();
        texts.join(" ")
    }
}

impl ResourcePrinter for JsonPathPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        let found = self.path.find(object).map_err(|error| {
            let source = &self.path.source;
            message!(
                "error executing jsonpath {}: Error executing template: {error}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t{source}\n\tobject given to jsonpath engine was:\n\t\t{}\n\n\n",
                k8s_api::primitives::quote(source),
                crate::gotext::go_syntax(object)
            )
        })?;
        for results in found {
            out.write_all(self.text(&results).as_bytes())?;
        }
        Ok(())
    }
}
