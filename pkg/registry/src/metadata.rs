//! What a status endpoint leaves alone in metadata.
//!
//! Upstream counterpart: `metav1.ResetObjectMetaForStatus`.

use k8s_api::meta::v1::ObjectMeta;

/// Takes everything from `old` that a client may set; the field managers are those of the request.
pub fn reset_for_status(new: &mut ObjectMeta, old: &ObjectMeta) {
    new.deletion_timestamp = old.deletion_timestamp;
    new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    new.self_link.clone_from(&old.self_link);
    new.labels.clone_from(&old.labels);
    new.annotations.clone_from(&old.annotations);
    new.finalizers.clone_from(&old.finalizers);
    new.owner_references.clone_from(&old.owner_references);
}
