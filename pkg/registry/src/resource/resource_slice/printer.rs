//! What a table shows of resource slices.

use apiserver::registry::{Column, Row};
use k8s_api::resource::v1::ResourceSlice;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Node", "string"),
    column("Driver", "string"),
    column("Pool", "string"),
    AGE,
];

/// The cells of one object.
#[must_use]
pub fn row(object: &ResourceSlice, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.node_name.as_deref().unwrap_or_default().into(),
        object.spec.driver.as_str().into(),
        object.spec.pool.name.as_str().into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
