//! What `kubectl get deployments` shows.

use apimachinery::selectors::Selector;
use apiserver::registry::{Column, Row};
use k8s_api::apps::v1::Deployment;

use crate::printing::{AGE, NAME, age, column, containers, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Ready", "string"),
    column("Up-to-date", "string"),
    column("Available", "string"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
    wide("Selector", "string"),
];

/// The cells of a deployment.
#[must_use]
pub fn row(deployment: &Deployment, now: jiff::Timestamp) -> Row {
    let Deployment { metadata, spec, status } = deployment;
    let (names, images) = containers(&spec.template.spec.containers);
    let selector = Selector::from_api(spec.selector.as_deref());
    vec![
        metadata.name.as_str().into(),
        format!("{}/{}", status.ready_replicas, spec.replicas.unwrap_or(0)).into(),
        status.updated_replicas.into(),
        status.available_replicas.into(),
        age(metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        selector
            .map_or_else(|_| "<invalid>".into(), |selector| selector.to_string())
            .into(),
    ]
}
