//! What `kubectl get leases` shows.

use apiserver::registry::{Column, Row};
use k8s_api::coordination::v1::Lease;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Holder", "string"), AGE];

/// The cells of a lease.
#[must_use]
pub fn row(lease: &Lease, now: jiff::Timestamp) -> Row {
    vec![
        lease.metadata.name.as_str().into(),
        lease.spec.holder_identity.as_deref().unwrap_or_default().into(),
        age(lease.metadata.creation_timestamp, now).into(),
    ]
}
