//! What Go's typed JSON decoding does to a document, done to a dynamic object.
//!
//! [`normalize`] checks a value against its type, drops what the type does not know and members
//! that are null, and rewrites quantities, times and byte strings into their canonical form. A
//! document that is as it should be costs one walk without allocation. Only when something is
//! wrong is the text read again, in order, for messages that are upstream's to the letter.
//!
//! **Invariants.** After success every member has the shape of its type. Empty optional lists and
//! maps stay; the typed structs leave them out. Upstream: `sigs.k8s.io/json`,
//! `runtime/serializer/json` and the API server's `transformDecodeError`.

mod document;
mod error;
mod exact;
mod names;
#[cfg(test)]
mod plain_tests;
mod quick;
mod scalar;
#[cfg(test)]
mod tests;
mod type_meta;

use k8s_api::reflect::TypeRef;
use serde_json::Value;

pub use error::{
    DecodeError, MAX_STRICT_ERRORS, StrictError, TypeMismatch, cannot_be_handled, strict_message, unrecognized,
};
pub use names::go_type_name;
pub use type_meta::{GroupVersionKind, split_group_version};

use document::Node;
use quick::{Place, Quick};

/// Where a value comes from; it decides the order of messages.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// JSON text, whose order of members counts.
    Json {
        /// The whole document.
        text: &'a [u8],
        /// Whether the parser met a member twice. Their objects are then merged as Go does.
        duplicates: bool,
    },
    /// Anything that passed through sorted maps: YAML, the result of a patch, protobuf.
    Sorted,
}

/// Normalises `value`, which becomes an object of type `ty`; returns what strict decoding objects to.
///
/// `schema_props` is the type of the JSON schemas inside a `CustomResourceDefinition`
/// (`k8s_api::JSON_SCHEMA_PROPS`); without it they are taken as they are.
///
/// # Errors
/// When the document does not fit the type. The value is then half-way and must be dropped.
pub fn normalize<'s>(
    value: &mut Value,
    ty: TypeRef<'s>,
    schema_props: Option<TypeRef<'s>>,
    source: Source<'_>,
) -> Result<Vec<StrictError>, DecodeError> {
    let mut quick = Quick::new(schema_props);
    quick.value(value, ty, Place::Root);
    let findings = quick.findings;
    match source {
        Source::Json { text, duplicates } if duplicates || findings.suspect || findings.unknown.len() > 1 => {
            if let Some(document) = Node::parse(text) {
                let (decoded, strict) = exact::decode(&document, ty, schema_props)?;
                *value = decoded;
                return Ok(strict);
            }
        }
        _ => {}
    }
    if findings.suspect {
        let (decoded, _) = exact::decode(&Node::of(value), ty, schema_props)?;
        *value = decoded;
    }
    Ok(findings.unknown)
}

/// [`normalize`] for a built-in type.
///
/// # Errors
/// As [`normalize`].
pub fn normalize_builtin(
    value: &mut Value,
    ty: k8s_api::reflect::TypeId,
    source: Source<'_>,
) -> Result<Vec<StrictError>, DecodeError> {
    let schema = k8s_api::builtin_schema();
    normalize(
        value,
        schema.at(ty),
        Some(schema.at(k8s_api::JSON_SCHEMA_PROPS)),
        source,
    )
}
