//! What `kubectl get persistentvolumeclaims` shows.

use apis_core::core::persistent_volume_claim::class_name;
use apiserver::registry::{Column, Row};
use k8s_api::core::v1::PersistentVolumeClaim;

use crate::{
    core::persistent_volume::access_modes,
    printing::{AGE, NAME, UNSET, age, column, wide},
};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string"),
    column("Volume", "string"),
    column("Capacity", "string"),
    column("Access Modes", "string"),
    column("StorageClass", "string"),
    column("VolumeAttributesClass", "string"),
    AGE,
    wide("VolumeMode", "string"),
];

/// The cells of a claim.
#[must_use]
pub fn row(claim: &PersistentVolumeClaim, now: jiff::Timestamp) -> Row {
    let (spec, status) = (&claim.spec, &claim.status);
    let phase = if claim.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else {
        &status.phase
    };
    let (capacity, modes) = if spec.volume_name.is_empty() {
        (String::new(), String::new())
    } else {
        let capacity = status
            .capacity
            .get("storage")
            .map_or_else(|| "0".to_owned(), ToString::to_string);
        (capacity, access_modes(&status.access_modes))
    };
    vec![
        claim.metadata.name.as_str().into(),
        phase.into(),
        spec.volume_name.as_str().into(),
        capacity.into(),
        modes.into(),
        class_name(claim).into(),
        spec.volume_attributes_class_name.as_deref().unwrap_or(UNSET).into(),
        age(claim.metadata.creation_timestamp, now).into(),
        spec.volume_mode.as_deref().unwrap_or(UNSET).into(),
    ]
}
