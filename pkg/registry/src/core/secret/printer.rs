//! What `kubectl get secrets` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::Secret;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Type", "string"), column("Data", "string"), AGE];

/// The cells of a secret.
#[must_use]
pub fn row(secret: &Secret, now: jiff::Timestamp) -> Row {
    vec![
        secret.metadata.name.as_str().into(),
        secret.type_.as_str().into(),
        secret.data.len().into(),
        age(secret.metadata.creation_timestamp, now).into(),
    ]
}
