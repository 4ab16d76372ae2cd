//! What a table shows of flow schemas.

use apiserver::registry::{Column, Row};
use k8s_api::flowcontrol::v1::FlowSchema;

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("PriorityLevel", "string"),
    column("MatchingPrecedence", "string"),
    column("DistinguisherMethod", "string"),
    AGE,
    column("MissingPL", "string"),
];

/// The cells of one schema.
#[must_use]
pub fn row(schema: &FlowSchema, now: jiff::Timestamp) -> Row {
    let spec = &schema.spec;
    let mut conditions = schema.status.conditions.iter();
    let dangling = conditions.find(|condition| condition.type_ == "Dangling");
    vec![
        schema.metadata.name.as_str().into(),
        spec.priority_level_configuration.name.as_str().into(),
        spec.matching_precedence.into(),
        spec.distinguisher_method
            .as_ref()
            .map_or(NONE, |method| method.type_.as_str())
            .into(),
        age(schema.metadata.creation_timestamp, now).into(),
        dangling.map_or("?", |condition| condition.status.as_str()).into(),
    ]
}
