//! What `kubectl get replicasets` shows.

use apiserver::registry::{Column, Row};
use k8s_api::apps::v1::ReplicaSet;

use crate::printing::{AGE, NAME, age, column, containers, label_selector, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Desired", "integer"),
    column("Current", "integer"),
    column("Ready", "integer"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
    wide("Selector", "string"),
];

/// The cells of a replica set.
#[must_use]
pub fn row(replica_set: &ReplicaSet, now: jiff::Timestamp) -> Row {
    let ReplicaSet { metadata, spec, status } = replica_set;
    let (names, images) = containers(&spec.template.spec.containers);
    vec![
        metadata.name.as_str().into(),
        spec.replicas.unwrap_or(0).into(),
        status.replicas.into(),
        status.ready_replicas.into(),
        age(metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        label_selector(spec.selector.as_deref()).into(),
    ]
}
