//! Object metadata; the rules are those of all kinds.

use apimachinery::field::{BadValue, ErrorList, Path};
use apis_pod::meta::{self, NameCheck};
use k8s_api::meta::v1::ObjectMeta;

use crate::go;

const METADATA: Path<'static> = Path::new("metadata");

/// Every fault of a new object's metadata.
pub(crate) fn object_meta(metadata: &ObjectMeta, namespaced: bool, name: impl NameCheck) -> ErrorList {
    meta::validate_object_meta(metadata, namespaced, name, &METADATA)
}

/// Every fault of a change of metadata.
pub(crate) fn object_meta_update(new: &ObjectMeta, old: &ObjectMeta) -> ErrorList {
    meta::validate_object_meta_update(new, old, &METADATA)
}

/// Metadata as an error shows it.
pub(crate) fn metadata_value(meta: &ObjectMeta) -> BadValue {
    metadata_struct(meta).bad_value()
}

/// The members of metadata as an error shows them.
pub(crate) fn metadata_struct(meta: &ObjectMeta) -> go::Struct {
    // Upstream's order is that of its declaration.
    const MEMBERS: [&str; 15] = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    let mut shown = go::Struct::new();
    if let Ok(value) = serde_json::to_value(meta) {
        for member in MEMBERS {
            if let Some(value) = value.get(member) {
                shown = shown.field(member, value);
            }
        }
    }
    shown
}
