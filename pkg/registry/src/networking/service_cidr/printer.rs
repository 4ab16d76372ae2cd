//! What `kubectl get servicecidrs` shows.

use apiserver::registry::{Column, Row};
use k8s_api::networking::v1::ServiceCIDR;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("CIDRs", "string"), AGE];

/// The cells of a range.
#[must_use]
pub fn row(range: &ServiceCIDR, now: jiff::Timestamp) -> Row {
    vec![
        range.metadata.name.as_str().into(),
        range.spec.cidrs.join(",").into(),
        age(range.metadata.creation_timestamp, now).into(),
    ]
}
