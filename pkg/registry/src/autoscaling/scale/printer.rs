//! What a table of a scale shows.

use apiserver::registry::{Column, Row};
use k8s_api::autoscaling::v1::Scale;

use crate::printing::{AGE, age, column};

/// The columns; none of them is marked as the name.
pub const COLUMNS: &[Column] = &[
    column("Name", "string"),
    column("Desired", "integer"),
    column("Available", "integer"),
    AGE,
];

/// The cells of a scale.
#[must_use]
pub fn row(scale: &Scale, now: jiff::Timestamp) -> Row {
    vec![
        scale.metadata.name.as_str().into(),
        scale.spec.replicas.into(),
        scale.status.replicas.into(),
        age(scale.metadata.creation_timestamp, now).into(),
    ]
}
