//! What a table shows of cSI drivers.

use apiserver::registry::{Column, Row};
use k8s_api::storage::v1::CSIDriver;

use crate::printing::{AGE, NAME, NONE, UNSET, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("AttachRequired", "boolean"),
    column("PodInfoOnMount", "boolean"),
    column("StorageCapacity", "boolean"),
    column("TokenRequests", "string"),
    column("RequiresRepublish", "boolean"),
    column("Modes", "string"),
    AGE,
];

/// The cells of one object.
#[must_use]
pub fn row(object: &CSIDriver, now: jiff::Timestamp) -> Row {
    let spec = &object.spec;
    let audiences: Vec<_> = spec
        .token_requests
        .iter()
        .map(|request| request.audience.as_str())
        .collect();
    let audiences = if audiences.is_empty() {
        UNSET.into()
    } else {
        audiences.join(",")
    };
    let modes = spec.volume_lifecycle_modes.join(",");
    let modes = if modes.is_empty() { NONE.into() } else { modes };
    vec![
        object.metadata.name.as_str().into(),
        spec.attach_required.unwrap_or(true).into(),
        spec.pod_info_on_mount.unwrap_or(false).into(),
        spec.storage_capacity.unwrap_or(false).into(),
        audiences.into(),
        spec.requires_republish.unwrap_or(false).into(),
        modes.into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
