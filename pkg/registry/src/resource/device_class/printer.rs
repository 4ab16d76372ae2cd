//! What a table shows of device classes.

use apiserver::registry::{Column, Row};
use k8s_api::resource::v1::DeviceClass;

use crate::printing::{AGE, NAME, age};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &DeviceClass, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
