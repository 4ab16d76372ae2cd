//! What a table shows of storage classes.

use apiserver::registry::{Column, Row};
use k8s_api::storage::v1::StorageClass;

use crate::printing::{AGE, NAME, age, column};

/// What marks the class that claims get if they name none; the second is of an older API.
const DEFAULT_ANNOTATIONS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Provisioner", "string"),
    column("ReclaimPolicy", "string"),
    column("VolumeBindingMode", "string"),
    column("AllowVolumeExpansion", "string"),
    AGE,
];

/// The cells of one class.
#[must_use]
pub fn row(class: &StorageClass, now: jiff::Timestamp) -> Row {
    let annotations = &class.metadata.annotations;
    let is_default = DEFAULT_ANNOTATIONS
        .iter()
        .any(|name| annotations.get(name).is_some_and(|value| value == "true"));
    let name = &class.metadata.name;
    let name = if is_default {
        format!("{name} (default)")
    } else {
        name.clone()
    };
    vec![
        name.into(),
        class.provisioner.as_str().into(),
        class.reclaim_policy.as_deref().unwrap_or("Delete").into(),
        class.volume_binding_mode.as_deref().unwrap_or("Immediate").into(),
        class.allow_volume_expansion.unwrap_or(false).into(),
        age(class.metadata.creation_timestamp, now).into(),
    ]
}
