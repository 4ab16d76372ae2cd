//! The messages of `openapi.v2`.

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

/// Fields of `Document` that are written one by one.
pub(crate) mod document {
    pub(crate) const SWAGGER: u32 = 1;
    pub(crate) const INFO: u32 = 2;
    pub(crate) const PATHS: u32 = 8;
    pub(crate) const DEFINITIONS: u32 = 9;
    pub(crate) const PARAMETERS: u32 = 10;
    pub(crate) const SECURITY: u32 = 12;
    pub(crate) const SECURITY_DEFINITIONS: u32 = 13;
    /// Of a path in `Paths`.
    pub(crate) const PATH: u32 = 2;
    /// Of a definition in `Definitions`.
    pub(crate) const DEFINITION: u32 = 1;
}

pub(crate) static INFO: Message = Message::Fields {
    fields: &[
        Field("title", 1, Text),
        Field("version", 2, Text),
        Field("description", 3, Text),
    ],
    extensions: 7,
    rest: None,
};

pub(crate) static PATH_ITEM: Message = Message::Fields {
    fields: &[
        Field("$ref", 1, Text),
        Field("get", 2, One(&OPERATION)),
        Field("put", 3, One(&OPERATION)),
        Field("post", 4, One(&OPERATION)),
        Field("delete", 5, One(&OPERATION)),
        Field("options", 6, One(&OPERATION)),
        Field("head", 7, One(&OPERATION)),
        Field("patch", 8, One(&OPERATION)),
        Field("parameters", 9, Many(&PARAMETERS_ITEM)),
    ],
    extensions: 10,
    rest: None,
};

message!(
    OPERATION,
    13,
    Field("tags", 1, Texts),
    Field("summary", 2, Text),
    Field("description", 3, Text),
    Field("externalDocs", 4, One(&EXTERNAL_DOCS)),
    Field("operationId", 5, Text),
    Field("produces", 6, Texts),
    Field("consumes", 7, Texts),
    Field("parameters", 8, Many(&PARAMETERS_ITEM)),
    Field("responses", 9, One(&RESPONSES)),
    Field("schemes", 10, Texts),
    Field("deprecated", 11, Bool),
    Field("security", 12, Many(&SECURITY_REQUIREMENT)),
);

message!(EXTERNAL_DOCS, 3, Field("description", 1, Text), Field("url", 2, Text));

static PARAMETERS_ITEM: Message = Message::Choice(|value| {
    if value.get("$ref").is_some() {
        Chosen::Message(2, &REFERENCE)
    } else {
        Chosen::Message(1, &PARAMETER)
    }
});

message!(REFERENCE, 0, Field("$ref", 1, Text), Field("description", 2, Text));

/// A parameter, shared ones included.
pub(crate) static PARAMETER: Message = Message::Choice(|value| {
    if value["in"] == "body" {
        Chosen::Message(1, &BODY_PARAMETER)
    } else {
        Chosen::Message(2, &NON_BODY_PARAMETER)
    }
});

message!(
    BODY_PARAMETER,
    6,
    Field("description", 1, Text),
    Field("name", 2, Text),
    Field("in", 3, Text),
    Field("required", 4, Bool),
    Field("schema", 5, One(&SCHEMA)),
);

static NON_BODY_PARAMETER: Message = Message::Choice(|value| match value["in"].as_str() {
    Some("header") => Chosen::Message(1, &HEADER_PARAMETER),
    Some("path") => Chosen::Message(4, &PATH_PARAMETER),
    _ => Chosen::Message(3, &QUERY_PARAMETER),
});

message!(
    QUERY_PARAMETER,
    23,
    Field("required", 1, Bool),
    Field("in", 2, Text),
    Field("description", 3, Text),
    Field("name", 4, Text),
    Field("allowEmptyValue", 5, Bool),
    Field("type", 6, Text),
    Field("format", 7, Text),
    Field("uniqueItems", 20, Bool),
);

message!(
    PATH_PARAMETER,
    22,
    Field("required", 1, Bool),
    Field("in", 2, Text),
    Field("description", 3, Text),
    Field("name", 4, Text),
    Field("type", 5, Text),
    Field("format", 6, Text),
    Field("uniqueItems", 19, Bool),
);

message!(
    HEADER_PARAMETER,
    22,
    Field("required", 1, Bool),
    Field("in", 2, Text),
    Field("description", 3, Text),
    Field("name", 4, Text),
    Field("type", 5, Text),
    Field("format", 6, Text),
    Field("uniqueItems", 19, Bool),
);

static RESPONSES: Message = Message::Fields {
    fields: &[],
    extensions: 2,
    rest: Some((1, &RESPONSE_VALUE)),
};

static RESPONSE_VALUE: Message = Message::Choice(|value| {
    if value.get("$ref").is_some() {
        Chosen::Message(2, &REFERENCE)
    } else {
        Chosen::Message(1, &RESPONSE)
    }
});

message!(
    RESPONSE,
    5,
    Field("description", 1, Text),
    Field("schema", 2, One(&SCHEMA_ITEM))
);

static SCHEMA_ITEM: Message = Message::Choice(|_| Chosen::Message(1, &SCHEMA));

/// A schema.
pub(crate) static SCHEMA: Message = Message::Fields {
    fields: &[
        Field("$ref", 1, Text),
        Field("format", 2, Text),
        Field("title", 3, Text),
        Field("description", 4, Text),
        Field("default", 5, Any),
        Field("multipleOf", 6, Number),
        Field("maximum", 7, Number),
        Field("exclusiveMaximum", 8, Bool),
        Field("minimum", 9, Number),
        Field("exclusiveMinimum", 10, Bool),
        Field("maxLength", 11, Integer),
        Field("minLength", 12, Integer),
        Field("pattern", 13, Text),
        Field("maxItems", 14, Integer),
        Field("minItems", 15, Integer),
        Field("uniqueItems", 16, Bool),
        Field("maxProperties", 17, Integer),
        Field("minProperties", 18, Integer),
        Field("required", 19, Texts),
        Field("enum", 20, Anys),
        Field("additionalProperties", 21, One(&ADDITIONAL_PROPERTIES)),
        Field("type", 22, One(&TYPES)),
        Field("items", 23, One(&ITEMS)),
        Field("allOf", 24, Many(&SCHEMA)),
        Field("properties", 25, One(&PROPERTIES)),
        Field("discriminator", 26, Text),
        Field("readOnly", 27, Bool),
        Field("externalDocs", 29, One(&EXTERNAL_DOCS)),
        Field("example", 30, Any),
    ],
    extensions: 31,
    rest: None,
};

static ADDITIONAL_PROPERTIES: Message = Message::Choice(|value| match value {
    Value::Bool(_) => Chosen::Bool(2),
    _ => Chosen::Message(1, &SCHEMA),
});

static TYPES: Message = Message::Texts(1);
static ITEMS: Message = Message::Repeated(1, &SCHEMA);
static PROPERTIES: Message = named(&SCHEMA);

/// A requirement of `security`.
pub(crate) static SECURITY_REQUIREMENT: Message = named(&TYPES);

/// `securityDefinitions`.
pub(crate) static SECURITY_DEFINITIONS: Message = named(&SECURITY_DEFINITION);

/// Only API keys; the server describes no other.
static SECURITY_DEFINITION: Message = Message::Choice(|_| Chosen::Message(2, &API_KEY));

message!(
    API_KEY,
    5,
    Field("type", 1, Text),
    Field("name", 2, Text),
    Field("in", 3, Text),
    Field("description", 4, Text),
);

/// `parameters` of the document.
pub(crate) static PARAMETER_DEFINITIONS: Message = named(&PARAMETER);
