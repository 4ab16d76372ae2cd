//! What `kubectl get daemonsets` shows.

use apiserver::registry::{Column, Row};
use k8s_api::apps::v1::DaemonSet;

use crate::printing::{AGE, NAME, age, column, containers, label_selector, labels, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Desired", "integer"),
    column("Current", "integer"),
    column("Ready", "integer"),
    column("Up-to-date", "integer"),
    column("Available", "integer"),
    column("Node Selector", "string"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
    wide("Selector", "string"),
];

/// The cells of a daemon set.
#[must_use]
pub fn row(daemon_set: &DaemonSet, now: jiff::Timestamp) -> Row {
    let DaemonSet { metadata, spec, status } = daemon_set;
    let (names, images) = containers(&spec.template.spec.containers);
    vec![
        metadata.name.as_str().into(),
        status.desired_number_scheduled.into(),
        status.current_number_scheduled.into(),
        status.number_ready.into(),
        status.updated_number_scheduled.into(),
        status.number_available.into(),
        labels(&spec.template.spec.node_selector).into(),
        age(metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        label_selector(spec.selector.as_deref()).into(),
    ]
}
