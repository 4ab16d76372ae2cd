//! The members of object metadata that the server keeps.

use apimachinery::status::StatusError;
use k8s_api::{meta::v1::ObjectMeta, primitives::Time};

/// Removes what only the server sets, from an object that a client wants created.
pub fn wipe_system_fields(metadata: &mut ObjectMeta) {
    metadata.creation_timestamp = None;
    metadata.uid.clear();
    metadata.deletion_timestamp = None;
    metadata.deletion_grace_period_seconds = None;
    metadata.self_link.clear();
}

/// Stamps a new object with its identity.
pub fn fill_system_fields(metadata: &mut ObjectMeta, now: jiff::Timestamp) {
    metadata.creation_timestamp = Some(Time::from(now));
    metadata.uid = uuid::Uuid::new_v4().to_string();
}

/// Puts the request's namespace into an object that names none.
///
/// # Errors
/// If the object names another namespace than the request.
pub fn ensure_namespace(request_namespace: &str, metadata: &mut ObjectMeta) -> Result<(), StatusError> {
    if metadata.namespace == request_namespace {
        return Ok(());
    }
    if request_namespace.is_empty() {
        // A cluster-scoped object has no namespace, whatever it says.
        metadata.namespace.clear();
        return Ok(());
    }
    if metadata.namespace.is_empty() {
        request_namespace.clone_into(&mut metadata.namespace);
        return Ok(());
    }
    Err(StatusError::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request",
    ))
}
