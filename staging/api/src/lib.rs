//! The Kubernetes v1.36 types, their reflection, and the Scheme.
//!
//! The structs are plain data, generated from the tables in `api/types`: one module a group and
//! version (`core::v1::Pod`), members named as in JSON (snake case), optional structs boxed, empty
//! optional lists and maps absent on the wire. `apiVersion` and `kind` are no members; the codecs
//! of [`object::Kind`] write them.
//!
//! **Invariant:** this crate does no IO and knows nothing of servers or clients.

mod generated;
mod json_schema;
mod map;
pub mod object;
pub mod pick;
pub mod primitives;
pub mod reflect;
pub mod scheme;
pub mod tree;
mod wire;

use std::borrow::Cow;

pub use generated::*;
pub use json_schema::{JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray};
pub use map::Map;
pub use object::{HasMetadata, Kind, List, Object};

/// The type behind the `SchemaOr…` scalars of [`reflect::Scalar`].
pub const JSON_SCHEMA_PROPS: reflect::TypeId = generated::reflection::JSON_SCHEMA_PROPS;

/// The reflection of every built-in type.
#[must_use]
pub fn builtin_schema() -> &'static reflect::Schema {
    static SCHEMA: reflect::Schema = reflect::Schema {
        types: Cow::Borrowed(&generated::reflection::TYPES),
    };
    &SCHEMA
}

/// The built-in type with this OpenAPI definition name (`io.k8s.api.core.v1.Pod`).
#[must_use]
pub fn definition(name: &str) -> Option<reflect::TypeId> {
    let position = generated::reflection::DEFINITIONS.binary_search(&name).ok()?;
    let position = u32::try_from(position).expect("the schema has fewer than four billion types");
    Some(reflect::TypeId(generated::reflection::FIRST_STRUCT + position))
}

/// What the generated modules are written against.
mod prelude {
    pub(crate) use serde_json::Value;

    pub(crate) use crate::{
        json_schema::{JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray},
        map::Map,
        object::{has_metadata, kind, object},
        primitives::{ByteString, FieldsV1, IntOrString, Json, MicroTime, Quantity, RawExtension, Time},
        wire::wire_struct,
    };
}
