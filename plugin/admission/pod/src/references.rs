//! Whether a pod refers to other objects.

use k8s_api::core::v1::{EnvFromSource, EnvVar, Pod, Volume, VolumeProjection};

/// The environments of all containers.
fn environments(pod: &Pod) -> impl Iterator<Item = (&[EnvVar], &[EnvFromSource])> {
    let spec = &pod.spec;
    let regular = spec.init_containers.iter().chain(&spec.containers);
    let ephemeral = spec.ephemeral_containers.iter();
    regular
        .map(|c| (c.env.as_slice(), c.env_from.as_slice()))
        .chain(ephemeral.map(|c| (c.env.as_slice(), c.env_from.as_slice())))
}

fn projections(volume: &Volume) -> impl Iterator<Item = &VolumeProjection> {
    volume.projected.iter().flat_map(|projected| &projected.sources)
}

/// The secrets that a volume names.
fn secret_names(volume: &Volume) -> Vec<&str> {
    macro_rules! secret_refs {
        ($($source:ident $reference:ident)*) => {
            [$(volume.$source.as_ref().and_then(|source| source.$reference.as_ref()).map(|r| r.name.as_str()),)*]
        };
    }
    let references = secret_refs!(
        cephfs secret_ref
        cinder secret_ref
        flex_volume secret_ref
        rbd secret_ref
        scale_io secret_ref
        iscsi secret_ref
        storageos secret_ref
        csi node_publish_secret_ref
    );
    let mut names: Vec<&str> = references.into_iter().flatten().collect();
    names.extend(volume.azure_file.as_ref().map(|source| source.secret_name.as_str()));
    names.extend(volume.secret.as_ref().map(|source| source.secret_name.as_str()));
    names.extend(
        projections(volume)
            .filter_map(|p| p.secret.as_ref())
            .map(|secret| secret.name.as_str()),
    );
    names.retain(|name| !name.is_empty());
    names
}

/// Whether the pod names a secret anywhere.
#[must_use]
pub fn uses_secrets(pod: &Pod) -> bool {
    let spec = &pod.spec;
    spec.image_pull_secrets
        .iter()
        .any(|reference| !reference.name.is_empty())
        || environments(pod).any(|(env, from)| {
            let keys = env.iter().filter_map(|variable| variable.value_from.as_ref());
            from.iter()
                .filter_map(|source| source.secret_ref.as_ref())
                .any(|secret| !secret.name.is_empty())
                || keys
                    .filter_map(|source| source.secret_key_ref.as_ref())
                    .any(|secret| !secret.name.is_empty())
        })
        || spec.volumes.iter().any(|volume| !secret_names(volume).is_empty())
}

/// Whether the pod names a config map anywhere.
#[must_use]
pub fn uses_config_maps(pod: &Pod) -> bool {
    environments(pod).any(|(env, from)| {
        let keys = env.iter().filter_map(|variable| variable.value_from.as_ref());
        from.iter()
            .filter_map(|source| source.config_map_ref.as_ref())
            .any(|map| !map.name.is_empty())
            || keys
                .filter_map(|source| source.config_map_key_ref.as_ref())
                .any(|map| !map.name.is_empty())
    }) || pod.spec.volumes.iter().any(|volume| {
        let direct = volume.config_map.iter().any(|map| !map.name.is_empty());
        direct
            || projections(volume)
                .filter_map(|projection| projection.config_map.as_ref())
                .any(|map| !map.name.is_empty())
    })
}

/// Whether the pod asks for a token of its service account.
#[must_use]
pub fn projects_tokens(pod: &Pod) -> bool {
    let mut sources = pod.spec.volumes.iter().flat_map(projections);
    sources.any(|projection| projection.service_account_token.is_some())
}

/// The first kind of object in the API that the pod refers to, with how it does.
///
/// # Errors
/// If a volume is of no known kind, and nobody knows what it refers to.
pub fn api_object(pod: &Pod) -> Result<Option<&'static str>, String> {
    if !pod.spec.service_account_name.is_empty() {
        return Ok(Some("serviceaccounts"));
    }
    if uses_secrets(pod) {
        return Ok(Some("secrets"));
    }
    if uses_config_maps(pod) {
        return Ok(Some("configmaps"));
    }
    if !pod.spec.resource_claims.is_empty() {
        return Ok(Some("resourceclaims"));
    }
    for volume in &pod.spec.volumes {
        if let Some(object) = volume_object(volume)? {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

fn volume_object(volume: &Volume) -> Result<Option<&'static str>, String> {
    let referring = [
        (volume.config_map.is_some(), "configmaps (via configmap volumes)"),
        (volume.secret.is_some(), "secrets (via secret volumes)"),
        (volume.csi.is_some(), "csidrivers (via CSI volumes)"),
        (volume.glusterfs.is_some(), "endpoints (via glusterFS volumes)"),
        (volume.persistent_volume_claim.is_some(), "persistentvolumeclaims"),
        (
            volume.ephemeral.is_some(),
            "persistentvolumeclaims (via ephemeral volumes)",
        ),
        (volume.azure_file.is_some(), "secrets (via azureFile volumes)"),
    ];
    if let Some((_, object)) = referring.iter().find(|(is, _)| *is) {
        return Ok(Some(object));
    }
    for projection in projections(volume) {
        let referring = [
            (projection.config_map.is_some(), "configmaps (via projected volumes)"),
            (projection.secret.is_some(), "secrets (via projected volumes)"),
            (
                projection.service_account_token.is_some(),
                "serviceaccounts (via projected volumes)",
            ),
            (projection.cluster_trust_bundle.is_some(), "clustertrustbundles"),
            (projection.pod_certificate.is_some(), "podcertificates"),
        ];
        if let Some((_, object)) = referring.iter().find(|(is, _)| *is) {
            return Ok(Some(object));
        }
        if projection.downward_api.is_none() {
            return Err(format!("unknown source for projected volume {:?}", volume.name));
        }
    }
    let harmless = volume.projected.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.azure_disk.is_some()
        || volume.cephfs.is_some()
        || volume.cinder.is_some()
        || volume.downward_api.is_some()
        || volume.empty_dir.is_some()
        || volume.fc.is_some()
        || volume.flex_volume.is_some()
        || volume.flocker.is_some()
        || volume.gce_persistent_disk.is_some()
        || volume.git_repo.is_some()
        || volume.host_path.is_some()
        || volume.image.is_some()
        || volume.iscsi.is_some()
        || volume.nfs.is_some()
        || volume.photon_persistent_disk.is_some()
        || volume.portworx_volume.is_some()
        || volume.quobyte.is_some()
        || volume.rbd.is_some()
        || volume.scale_io.is_some()
        || volume.storageos.is_some()
        || volume.vsphere_volume.is_some();
    if harmless {
        Ok(None)
    } else {
        Err(format!("unknown volume type for volume  {:?}", volume.name))
    }
}
