//! What `kubectl get namespaces` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::Namespace;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Status", "string"), AGE];

/// The cells of a namespace.
#[must_use]
pub fn row(namespace: &Namespace, now: jiff::Timestamp) -> Row {
    vec![
        namespace.metadata.name.as_str().into(),
        namespace.status.phase.as_str().into(),
        age(namespace.metadata.creation_timestamp, now).into(),
    ]
}
