//! What `kubectl get serviceaccounts` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::ServiceAccount;

use crate::printing::{AGE, NAME, age};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, AGE];

/// The cells of a service account.
#[must_use]
pub fn row(account: &ServiceAccount, now: jiff::Timestamp) -> Row {
    vec![
        account.metadata.name.as_str().into(),
        age(account.metadata.creation_timestamp, now).into(),
    ]
}
