//! What `kubectl get networkpolicies` shows.

use apiserver::registry::{Column, Row};
use k8s_api::networking::v1::NetworkPolicy;

use crate::printing::{AGE, NAME, age, column, label_selector};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Pod-Selector", "string"), AGE];

/// The cells of a policy.
#[must_use]
pub fn row(policy: &NetworkPolicy, now: jiff::Timestamp) -> Row {
    vec![
        policy.metadata.name.as_str().into(),
        label_selector(Some(&policy.spec.pod_selector)).into(),
        age(policy.metadata.creation_timestamp, now).into(),
    ]
}
