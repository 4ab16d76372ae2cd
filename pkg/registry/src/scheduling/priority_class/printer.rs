//! What `kubectl get priorityclasses` shows.

use apiserver::registry::{Column, Row};
use k8s_api::scheduling::v1::PriorityClass;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Value", "integer"),
    column("Global-Default", "boolean"),
    AGE,
    column("PreemptionPolicy", "string"),
];

/// The cells of a class.
#[must_use]
pub fn row(class: &PriorityClass, now: jiff::Timestamp) -> Row {
    vec![
        class.metadata.name.as_str().into(),
        class.value.into(),
        class.global_default.into(),
        age(class.metadata.creation_timestamp, now).into(),
        class.preemption_policy.as_deref().unwrap_or_default().into(),
    ]
}
