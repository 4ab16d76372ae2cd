//! What a table shows of mutating webhook configurations.

use apiserver::registry::{Column, Row};
use k8s_api::admissionregistration::v1::MutatingWebhookConfiguration;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Webhooks", "integer"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &MutatingWebhookConfiguration, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.webhooks.len().into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
