//! What `kubectl get limitranges` shows: what it shows of kinds without columns of their own.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::LimitRange;
use serde_json::Value;

use crate::printing::{NAME, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Created At", "date")];

/// The cells of a limit range.
#[must_use]
pub fn row(range: &LimitRange, _now: jiff::Timestamp) -> Row {
    let created = range.metadata.creation_timestamp;
    vec![
        range.metadata.name.as_str().into(),
        created.map_or(Value::Null, |created| created.to_string().into()),
    ]
}
