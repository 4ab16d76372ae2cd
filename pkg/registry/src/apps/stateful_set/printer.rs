//! What `kubectl get statefulsets` shows.

use apiserver::registry::{Column, Row};
use k8s_api::apps::v1::StatefulSet;

use crate::printing::{AGE, NAME, age, column, containers, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Ready", "string"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
];

/// The cells of a stateful set.
#[must_use]
pub fn row(stateful_set: &StatefulSet, now: jiff::Timestamp) -> Row {
    let StatefulSet { metadata, spec, status } = stateful_set;
    let (names, images) = containers(&spec.template.spec.containers);
    vec![
        metadata.name.as_str().into(),
        format!("{}/{}", status.ready_replicas, spec.replicas.unwrap_or(0)).into(),
        age(metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
    ]
}
