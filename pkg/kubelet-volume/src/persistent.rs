//! Claims: the local and hostPath volumes they are bound to.

use std::sync::Arc;

use k8s_api::core::v1::{PersistentVolume, Pod};
use kubelet_types::seams::ObjectSource;

use crate::error::VolumeError;

/// The volume that a claim of the pod is bound to. `owned` asks that the claim was made for this very pod.
///
/// # Errors
/// If the claim is missing, unbound, being deleted or another pod's, or if the volume is not there or not the claim's.
pub(crate) async fn resolve(
    objects: &dyn ObjectSource,
    pod: &Pod,
    claim_name: &str,
    owned: bool,
) -> Result<Arc<PersistentVolume>, VolumeError> {
    let namespace = &pod.metadata.namespace;
    let invalid = |why: String| VolumeError::Invalid(format!("error processing PVC {namespace}/{claim_name}: {why}"));
    let claim = objects.persistent_volume_claim(namespace, claim_name).await;
    let claim = claim.map_err(|error| invalid(format!("failed to fetch PVC from API server: {error}")))?;
    if owned
        && !claim
            .metadata
            .owner_references
            .iter()
            .any(|owner| owner.uid == pod.metadata.uid)
    {
        return Err(invalid(format!(
            "PVC {namespace}/{claim_name} was not created for pod {namespace}/{} (pod is not owner)",
            pod.metadata.name
        )));
    }
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(invalid("PVC is being deleted".to_owned()));
    }
    let volume_name = &claim.spec.volume_name;
    if claim.status.phase != "Bound" || volume_name.is_empty() {
        return Err(invalid("PVC is not bound".to_owned()));
    }
    let volume = objects.persistent_volume(volume_name).await;
    let volume =
        volume.map_err(|error| invalid(format!("failed to fetch PV {volume_name} from API server: {error}")))?;
    let claimed = volume
        .spec
        .claim_ref
        .as_deref()
        .is_some_and(|claim_ref| claim_ref.uid == claim.metadata.uid);
    if !claimed {
        return Err(invalid(format!(
            "PV {volume_name} spec.claimRef doesn't reference PVC {}",
            claim.metadata.uid
        )));
    }
    if volume.spec.volume_mode.as_deref() == Some("Block") {
        return Err(invalid("volumeMode Block is not supported by this kubelet".to_owned()));
    }
    Ok(volume)
}
