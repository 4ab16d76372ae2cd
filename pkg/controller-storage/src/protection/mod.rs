//! What is in use is not deleted: finalizers hold it until it is not (upstream: `pkg/controller/volume/{pv,pvc}protection`).

pub mod claims;
#[cfg(test)]
mod tests;
pub mod volumes;

use client_go::{Api, Error};
use k8s_api::HasMetadata;
use k8s_api::meta::v1::ObjectMeta;

/// Whether an object calls for its finalizer to be added, or to be taken off if nothing uses it.
pub(crate) fn concerns(metadata: &ObjectMeta, finalizer: &str) -> bool {
    controller_objects::finalizers::is_missing(metadata, finalizer)
        || controller_objects::finalizers::is_due(metadata, finalizer)
}

/// Adds the finalizer to an object that lives.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn add<T: HasMetadata>(api: &Api<T>, object: &T, finalizer: &str) -> Result<(), Error> {
    let mut changed = object.clone();
    controller_objects::finalizers::add(changed.metadata_mut(), finalizer);
    api.update(&changed).await.map(drop)
}

/// Takes the finalizer off an object that may go.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn remove<T: HasMetadata>(api: &Api<T>, object: &T, finalizer: &str) -> Result<(), Error> {
    let mut changed = object.clone();
    controller_objects::finalizers::remove(changed.metadata_mut(), finalizer);
    match api.update(&changed).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
