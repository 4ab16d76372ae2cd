//! What `kubectl get replicationcontrollers` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::ReplicationController;

use crate::printing::{AGE, NAME, age, column, containers, labels, wide};

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

/// The cells of a replication controller.
#[must_use]
pub fn row(controller: &ReplicationController, now: jiff::Timestamp) -> Row {
    let (spec, status) = (&controller.spec, &controller.status);
    let template = spec.template.as_deref();
    let (names, images) = containers(template.map_or(&[][..], |template| &template.spec.containers));
    vec![
        controller.metadata.name.as_str().into(),
        spec.replicas.unwrap_or(0).into(),
        status.replicas.into(),
        status.ready_replicas.into(),
        age(controller.metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        labels(&spec.selector).into(),
    ]
}
