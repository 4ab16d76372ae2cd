//! What `kubectl get runtimeclasses` shows.

use apiserver::registry::{Column, Row};
use k8s_api::node::v1::RuntimeClass;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Handler", "string"), AGE];

/// The cells of a class.
#[must_use]
pub fn row(class: &RuntimeClass, now: jiff::Timestamp) -> Row {
    vec![
        class.metadata.name.as_str().into(),
        class.handler.as_str().into(),
        age(class.metadata.creation_timestamp, now).into(),
    ]
}
