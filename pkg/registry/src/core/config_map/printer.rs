//! What `kubectl get configmaps` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::ConfigMap;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Data", "string"), AGE];

/// The cells of a config map.
#[must_use]
pub fn row(map: &ConfigMap, now: jiff::Timestamp) -> Row {
    vec![
        map.metadata.name.as_str().into(),
        (map.data.len() + map.binary_data.len()).into(),
        age(map.metadata.creation_timestamp, now).into(),
    ]
}
