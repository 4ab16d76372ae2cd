//! What a table shows of volume attributes classes.

use apiserver::registry::{Column, Row};
use k8s_api::storage::v1::VolumeAttributesClass;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("DriverName", "string"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &VolumeAttributesClass, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.driver_name.as_str().into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
