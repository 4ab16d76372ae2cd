//! What a table shows of resource claims.

use apiserver::registry::{Column, Row};
use k8s_api::resource::v1::ResourceClaim;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("State", "string"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &ResourceClaim, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        state(object).into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}

/// Whether devices are allocated and in use.
fn state(claim: &ResourceClaim) -> String {
    let deleted = claim.metadata.deletion_timestamp.is_some();
    let allocated = claim.status.allocation.is_some();
    let states = [
        ("deleted", deleted),
        ("pending", !allocated && !deleted),
        ("allocated", allocated),
        ("reserved", allocated && !claim.status.reserved_for.is_empty()),
    ];
    let states: Vec<_> = states
        .into_iter()
        .filter(|(_, holds)| *holds)
        .map(|(name, _)| name)
        .collect();
    states.join(",")
}
