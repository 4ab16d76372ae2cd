//! The messages of `openapi.v3`.

use serde_json::Value;

use super::{
    Chosen, Field,
    Kind::{Any, Anys, Bool, Integer, Many, Number, One, Text, Texts},
    Message, named,
};

macro_rules! message {
    ($name:ident, $extensions:literal, $($field:expr),* $(,)?) => {
        static $name: Message = Message::Fields { fields: &[$($field),*], extensions: $extensions, rest: None };
    };
}

/// Either the message, or a reference where the value is one.
macro_rules! or_reference {
    ($name:ident, $message:ident) => {
        static $name: Message = Message::Choice(|value| {
            if value.get("$ref").is_some() {
                Chosen::Message(2, &REFERENCE)
            } else {
                Chosen::Message(1, &$message)
            }
        });
    };
}

/// Fields of `Document` that are written one by one.
pub(crate) mod document {
    pub(crate) const OPENAPI: u32 = 1;
    pub(crate) const INFO: u32 = 2;
    pub(crate) const PATHS: u32 = 4;
    pub(crate) const COMPONENTS: u32 = 5;
    /// Of a path in `Paths`.
    pub(crate) const PATH: u32 = 1;
    /// Of the schemas in `Components`.
    pub(crate) const SCHEMAS: u32 = 1;
    /// Of a schema in `SchemasOrReferences`.
    pub(crate) const SCHEMA: u32 = 1;
    /// Of the security schemes in `Components`.
    pub(crate) const SECURITY_SCHEMES: u32 = 7;
}

pub(crate) static INFO: Message = Message::Fields {
    fields: &[
        Field("title", 1, Text),
        Field("description", 2, Text),
        Field("version", 6, Text),
    ],
    extensions: 7,
    rest: None,
};

message!(
    REFERENCE,
    0,
    Field("$ref", 1, Text),
    Field("summary", 2, Text),
    Field("description", 3, Text)
);

pub(crate) static PATH_ITEM: Message = Message::Fields {
    fields: &[
        Field("$ref", 1, Text),
        Field("summary", 2, Text),
        Field("description", 3, Text),
        Field("get", 4, One(&OPERATION)),
        Field("put", 5, One(&OPERATION)),
        Field("post", 6, One(&OPERATION)),
        Field("delete", 7, One(&OPERATION)),
        Field("options", 8, One(&OPERATION)),
        Field("head", 9, One(&OPERATION)),
        Field("patch", 10, One(&OPERATION)),
        Field("trace", 11, One(&OPERATION)),
        Field("parameters", 13, Many(&PARAMETER_OR_REFERENCE)),
    ],
    extensions: 14,
    rest: None,
};

message!(
    OPERATION,
    13,
    Field("tags", 1, Texts),
    Field("summary", 2, Text),
    Field("description", 3, Text),
    Field("operationId", 5, Text),
    Field("parameters", 6, Many(&PARAMETER_OR_REFERENCE)),
    Field("requestBody", 7, One(&REQUEST_BODY_OR_REFERENCE)),
    Field("responses", 8, One(&RESPONSES)),
    Field("deprecated", 10, Bool),
);

or_reference!(PARAMETER_OR_REFERENCE, PARAMETER);

message!(
    PARAMETER,
    14,
    Field("name", 1, Text),
    Field("in", 2, Text),
    Field("description", 3, Text),
    Field("required", 4, Bool),
    Field("deprecated", 5, Bool),
    Field("allowEmptyValue", 6, Bool),
    Field("style", 7, Text),
    Field("explode", 8, Bool),
    Field("allowReserved", 9, Bool),
    Field("schema", 10, One(&SCHEMA_OR_REFERENCE)),
    Field("example", 11, Any),
);

or_reference!(REQUEST_BODY_OR_REFERENCE, REQUEST_BODY);

message!(
    REQUEST_BODY,
    4,
    Field("description", 1, Text),
    Field("content", 2, One(&MEDIA_TYPES)),
    Field("required", 3, Bool),
);

static MEDIA_TYPES: Message = named(&MEDIA_TYPE);

message!(
    MEDIA_TYPE,
    5,
    Field("schema", 1, One(&SCHEMA_OR_REFERENCE)),
    Field("example", 2, Any)
);

static RESPONSES: Message = Message::Fields {
    fields: &[Field("default", 1, One(&RESPONSE_OR_REFERENCE))],
    extensions: 3,
    rest: Some((2, &RESPONSE_OR_REFERENCE)),
};

or_reference!(RESPONSE_OR_REFERENCE, RESPONSE);

message!(
    RESPONSE,
    5,
    Field("description", 1, Text),
    Field("content", 3, One(&MEDIA_TYPES))
);

/// A schema of `components`.
pub(crate) static SCHEMA_OR_REFERENCE: Message = Message::Choice(|value| {
    if value.get("$ref").is_some() {
        Chosen::Message(2, &REFERENCE)
    } else {
        Chosen::Message(1, &SCHEMA)
    }
});

message!(
    SCHEMA,
    36,
    Field("nullable", 1, Bool),
    Field("readOnly", 3, Bool),
    Field("writeOnly", 4, Bool),
    Field("example", 7, Any),
    Field("deprecated", 8, Bool),
    Field("title", 9, Text),
    Field("multipleOf", 10, Number),
    Field("maximum", 11, Number),
    Field("exclusiveMaximum", 12, Bool),
    Field("minimum", 13, Number),
    Field("exclusiveMinimum", 14, Bool),
    Field("maxLength", 15, Integer),
    Field("minLength", 16, Integer),
    Field("pattern", 17, Text),
    Field("maxItems", 18, Integer),
    Field("minItems", 19, Integer),
    Field("uniqueItems", 20, Bool),
    Field("maxProperties", 21, Integer),
    Field("minProperties", 22, Integer),
    Field("required", 23, Texts),
    Field("enum", 24, Anys),
    Field("type", 25, Text),
    Field("allOf", 26, Many(&SCHEMA_OR_REFERENCE)),
    Field("oneOf", 27, Many(&SCHEMA_OR_REFERENCE)),
    Field("anyOf", 28, Many(&SCHEMA_OR_REFERENCE)),
    Field("not", 29, One(&SCHEMA)),
    Field("items", 30, One(&ITEMS)),
    Field("properties", 31, One(&PROPERTIES)),
    Field("additionalProperties", 32, One(&ADDITIONAL_PROPERTIES)),
    Field("default", 33, One(&DEFAULT)),
    Field("description", 34, Text),
    Field("format", 35, Text),
);

static ITEMS: Message = Message::Repeated(1, &SCHEMA_OR_REFERENCE);
static PROPERTIES: Message = named(&SCHEMA_OR_REFERENCE);

static ADDITIONAL_PROPERTIES: Message = Message::Choice(|value| match value {
    Value::Bool(_) => Chosen::Bool(2),
    _ => Chosen::Message(1, &SCHEMA_OR_REFERENCE),
});

/// Objects and lists have no place in the message; it stays empty for them.
static DEFAULT: Message = Message::Choice(|value| match value {
    Value::Number(_) => Chosen::Number(1),
    Value::Bool(_) => Chosen::Bool(2),
    Value::String(_) => Chosen::Text(3),
    _ => Chosen::Nothing,
});

/// `securitySchemes`.
pub(crate) static SECURITY_SCHEMES: Message = named(&SECURITY_SCHEME_OR_REFERENCE);

or_reference!(SECURITY_SCHEME_OR_REFERENCE, SECURITY_SCHEME);

message!(
    SECURITY_SCHEME,
    9,
    Field("type", 1, Text),
    Field("description", 2, Text),
    Field("name", 3, Text),
    Field("in", 4, Text),
    Field("scheme", 5, Text),
    Field("bearerFormat", 6, Text),
);
