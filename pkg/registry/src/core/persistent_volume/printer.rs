//! What `kubectl get persistentvolumes` shows.

use apis_core::core::persistent_volume::class_name;
use apiserver::registry::{Column, Row};
use k8s_api::core::v1::PersistentVolume;

use crate::printing::{AGE, NAME, UNSET, age, column, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Capacity", "string"),
    column("Access Modes", "string"),
    column("Reclaim Policy", "string"),
    column("Status", "string"),
    column("Claim", "string"),
    column("StorageClass", "string"),
    column("VolumeAttributesClass", "string"),
    column("Reason", "string"),
    AGE,
    wide("VolumeMode", "string"),
];

/// Access modes in short, each once, in a fixed order.
pub(crate) fn access_modes(modes: &[String]) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let short = SHORT
        .iter()
        .filter(|(mode, _)| modes.iter().any(|it| it == mode))
        .map(|(_, short)| *short);
    short.collect::<Vec<_>>().join(",")
}

/// The cells of a volume.
#[must_use]
pub fn row(volume: &PersistentVolume, now: jiff::Timestamp) -> Row {
    let spec = &volume.spec;
    let capacity = spec
        .capacity
        .get("storage")
        .map_or_else(|| "0".to_owned(), ToString::to_string);
    let claim = spec
        .claim_ref
        .as_ref()
        .map_or_else(String::new, |claim| format!("{}/{}", claim.namespace, claim.name));
    let phase = if volume.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else {
        &volume.status.phase
    };
    vec![
        volume.metadata.name.as_str().into(),
        capacity.into(),
        access_modes(&spec.access_modes).into(),
        spec.persistent_volume_reclaim_policy.as_str().into(),
        phase.into(),
        claim.into(),
        class_name(volume).into(),
        spec.volume_attributes_class_name.as_deref().unwrap_or(UNSET).into(),
        volume.status.reason.as_str().into(),
        age(volume.metadata.creation_timestamp, now).into(),
        spec.volume_mode.as_deref().unwrap_or(UNSET).into(),
    ]
}
