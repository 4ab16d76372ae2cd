//! `StorageClass`: how volumes are made on demand.

mod validation;

use k8s_api::storage::v1::StorageClass;

pub use validation::{validate, validate_update};

/// Volumes are deleted with their claim and bound at once, if the class does not say otherwise.
pub fn set_defaults(class: &mut StorageClass) {
    class.reclaim_policy.get_or_insert_with(|| "Delete".into());
    class.volume_binding_mode.get_or_insert_with(|| "Immediate".into());
}
