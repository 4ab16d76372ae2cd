//! What a table shows of cSI nodes.

use apiserver::registry::{Column, Row};
use k8s_api::storage::v1::CSINode;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Drivers", "integer"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &CSINode, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.drivers.len().into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
