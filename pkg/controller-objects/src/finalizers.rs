//! Finalizers: taking part in an object's end.

use k8s_api::meta::v1::ObjectMeta;

/// Whether the object carries this finalizer.
#[must_use]
pub fn has(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.finalizers.iter().any(|present| present == finalizer)
}

/// Whether the object is being deleted and this finalizer holds it.
#[must_use]
pub fn is_due(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.deletion_timestamp.is_some() && has(metadata, finalizer)
}

/// Whether the object lives and lacks this finalizer.
#[must_use]
pub fn is_missing(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.deletion_timestamp.is_none() && !has(metadata, finalizer)
}

/// Adds a finalizer, unless it is there.
pub fn add(metadata: &mut ObjectMeta, finalizer: &str) {
    if !has(metadata, finalizer) {
        metadata.finalizers.push(finalizer.to_owned());
    }
}

/// Takes a finalizer out.
pub fn remove(metadata: &mut ObjectMeta, finalizer: &str) {
    metadata.finalizers.retain(|present| present != finalizer);
}
