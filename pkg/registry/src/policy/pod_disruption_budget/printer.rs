//! What `kubectl get poddisruptionbudgets` shows.

use apiserver::registry::{Column, Row};
use k8s_api::{policy::v1::PodDisruptionBudget, primitives::IntOrString};

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Min Available", "string"),
    column("Max Unavailable", "string"),
    column("Allowed Disruptions", "integer"),
    AGE,
];

fn bound(value: Option<&IntOrString>) -> String {
    value.map_or_else(|| "N/A".into(), ToString::to_string)
}

/// The cells of a budget.
#[must_use]
pub fn row(budget: &PodDisruptionBudget, now: jiff::Timestamp) -> Row {
    vec![
        budget.metadata.name.as_str().into(),
        bound(budget.spec.min_available.as_ref()).into(),
        bound(budget.spec.max_unavailable.as_ref()).into(),
        budget.status.disruptions_allowed.into(),
        age(budget.metadata.creation_timestamp, now).into(),
    ]
}
