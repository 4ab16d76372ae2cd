//! Paths into objects of a schema: those of rules (`.spec['a']`) and of selectable fields (`.spec.a`).

use std::collections::HashSet;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::apiextensions::v1::{JSONSchemaProps, SelectableField};

const MAX_SELECTABLE: usize = 8;

/// The parts of a path: `.`, `[`, `]` and what stands between; quoted text is one part.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let end = match first {
            b'.' | b'[' | b']' => 1,
            b'\'' => closing_quote(rest).map_or(rest.len(), |at| at + 1),
            _ => rest.find(['.', '[', ']']).unwrap_or(rest.len()),
        };
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (1..bytes.len()).find(|at| bytes[*at] == b'\'' && bytes[at - 1] != b'\\')
}

/// Follows a path: the schema at its end, and the names on the way.
pub(super) fn resolve<'a>(
    text: &str,
    root: &'a JSONSchemaProps,
    allow_brackets: bool,
) -> Result<(&'a JSONSchemaProps, Vec<String>), String> {
    let missing = || "does not refer to a valid field".to_owned();
    let end = || "unexpected end of JSON path".to_owned();
    let mut schema = root;
    let mut names = Vec::new();
    let mut tokens = tokens(text).into_iter();
    while let Some(token) = tokens.next() {
        let name = match token {
            "[" if !allow_brackets => return Err("array notation is not allowed".into()),
            "[" => {
                let quoted = tokens.next().ok_or_else(end)?;
                let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let inner = inner.ok_or_else(|| format!("expected single quoted string but got {quoted}"))?;
                inner.replace("\\'", "'").replace("\\\\", "\\")
            }
            "." => tokens.next().ok_or_else(end)?.to_owned(),
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        schema = if schema.properties.is_empty() {
            super::or_bool(schema.additional_properties.as_deref()).ok_or_else(missing)?
        } else {
            schema.properties.get(&name).ok_or_else(missing)?
        };
        names.push(name);
        if token == "[" {
            match tokens.next() {
                Some("]") => {}
                Some(other) => return Err(format!("expected ] but got {other}")),
                None => return Err(end()),
            }
        }
    }
    Ok((schema, names))
}

/// Every fault of the fields that selectors may name.
pub(super) fn validate_selectable(
    fields: &[SelectableField],
    schema: &JSONSchemaProps,
    allow_too_many: bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (at, field) in fields.iter().enumerate() {
        let item = path.index(at);
        let path = item.child("jsonPath");
        let text = &field.json_path;
        if text.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        let (found, names) = match resolve(text, schema, false) {
            Ok(found) => found,
            Err(fault) => {
                errors.push(Error::invalid(&path, text, format!("is an invalid path: {fault}")));
                continue;
            }
        };
        if names.first().is_some_and(|name| name == "metadata") {
            errors.push(Error::invalid(&path, text, "must not point to fields in metadata"));
        }
        if !matches!(found.type_.as_str(), "string" | "boolean" | "integer") {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.push(Error::invalid(&path, text, detail));
        }
        if !seen.insert(names) {
            errors.push(Error::duplicate(&path, text));
        }
    }
    if seen.len() > MAX_SELECTABLE && !allow_too_many {
        errors.push(Error::too_many(path, seen.len(), MAX_SELECTABLE));
    }
    errors
}

/// More fields than allowed are borne if they stay as they were.
pub(super) fn too_many_are_borne(new: &[SelectableField], old: &[SelectableField]) -> bool {
    old.len() > MAX_SELECTABLE && new == old
}
