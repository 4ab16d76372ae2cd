//! What pods and volumes refer to (upstream: `pkg/api/v1/pod`, `pkg/api/v1/persistentvolume`).

use k8s_api::core::v1::{EnvFromSource, EnvVar, LocalObjectReference, PersistentVolume, Pod, Volume};

use crate::graph::Kind;

const MIRROR_POD: &str = "kubernetes.io/config.mirror";

/// The objects in a pod's own namespace that the pod refers to, each once. A mirror pod refers to none: a node
/// creates those itself, and must not gain anything by it.
pub(crate) fn of_pod(pod: &Pod) -> Vec<(Kind, String)> {
    if pod.metadata.annotations.contains_key(MIRROR_POD) {
        return Vec::new();
    }
    let spec = &pod.spec;
    let mut found = Found(Vec::new());
    found.add(Kind::ServiceAccount, &spec.service_account_name);
    for reference in &spec.image_pull_secrets {
        found.add(Kind::Secret, &reference.name);
    }
    for container in spec.init_containers.iter().chain(&spec.containers) {
        found.environment(&container.env, &container.env_from);
    }
    for container in &spec.ephemeral_containers {
        found.environment(&container.env, &container.env_from);
    }
    for volume in &spec.volumes {
        found.volume(volume, &pod.metadata.name);
    }
    found.resource_claims(pod);
    found.0.sort();
    found.0.dedup();
    found.0
}

struct Found(Vec<(Kind, String)>);

impl Found {
    fn add(&mut self, kind: Kind, name: &str) {
        if !name.is_empty() {
            self.0.push((kind, name.to_owned()));
        }
    }

    fn secret(&mut self, reference: Option<&LocalObjectReference>) {
        if let Some(reference) = reference {
            self.add(Kind::Secret, &reference.name);
        }
    }

    fn environment(&mut self, env: &[EnvVar], env_from: &[EnvFromSource]) {
        for source in env_from {
            if let Some(reference) = &source.secret_ref {
                self.add(Kind::Secret, &reference.name);
            }
            if let Some(reference) = &source.config_map_ref {
                self.add(Kind::ConfigMap, &reference.name);
            }
        }
        for source in env.iter().filter_map(|variable| variable.value_from.as_deref()) {
            if let Some(reference) = &source.secret_key_ref {
                self.add(Kind::Secret, &reference.name);
            }
            if let Some(reference) = &source.config_map_key_ref {
                self.add(Kind::ConfigMap, &reference.name);
            }
        }
    }

    fn volume(&mut self, volume: &Volume, pod: &str) {
        if let Some(source) = &volume.persistent_volume_claim {
            self.add(Kind::PersistentVolumeClaim, &source.claim_name);
        } else if volume.ephemeral.is_some() {
            self.add(Kind::PersistentVolumeClaim, &format!("{pod}-{}", volume.name));
        }
        if let Some(source) = &volume.secret {
            self.add(Kind::Secret, &source.secret_name);
        }
        if let Some(source) = &volume.config_map {
            self.add(Kind::ConfigMap, &source.name);
        }
        for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
            if let Some(secret) = &source.secret {
                self.add(Kind::Secret, &secret.name);
            }
            if let Some(config_map) = &source.config_map {
                self.add(Kind::ConfigMap, &config_map.name);
            }
        }
        self.volume_plugins(volume);
    }

    /// Secrets by which volumes of the various kinds are mounted.
    fn volume_plugins(&mut self, volume: &Volume) {
        if let Some(source) = &volume.azure_file {
            self.add(Kind::Secret, &source.secret_name);
        }
        if let Some(source) = &volume.cephfs {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.cinder {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.flex_volume {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.rbd {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.scale_io {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.iscsi {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.storageos {
            self.secret(source.secret_ref.as_deref());
        }
        if let Some(source) = &volume.csi {
            self.secret(source.node_publish_secret_ref.as_deref());
        }
    }

    fn resource_claims(&mut self, pod: &Pod) {
        for claim in &pod.spec.resource_claims {
            if let Some(name) = &claim.resource_claim_name {
                self.add(Kind::ResourceClaim, name);
            } else if claim.resource_claim_template_name.is_some() {
                // Made from a template; its name stands in the status once it exists.
                let status = pod
                    .status
                    .resource_claim_statuses
                    .iter()
                    .find(|one| one.name == claim.name);
                if let Some(name) = status.and_then(|one| one.resource_claim_name.as_ref()) {
                    self.add(Kind::ResourceClaim, name);
                }
            }
        }
        if let Some(status) = &pod.status.extended_resource_claim_status {
            self.add(Kind::ResourceClaim, &status.resource_claim_name);
        }
    }
}

/// The secrets (namespace, name) that a kubelet needs to mount a volume.
pub(crate) fn of_volume(volume: &PersistentVolume) -> Vec<(String, String)> {
    let spec = &volume.spec;
    let claim_namespace = spec.claim_ref.as_deref().map_or("", |claim| claim.namespace.as_str());
    let mut found = Vec::new();
    let mut add = |namespace: &str, default: &str, name: &str| {
        if !name.is_empty() {
            let namespace = if namespace.is_empty() { default } else { namespace };
            found.push((namespace.to_owned(), name.to_owned()));
        }
    };
    if let Some(source) = &spec.azure_file {
        let namespace = source.secret_namespace.as_deref().unwrap_or_default();
        add(namespace, claim_namespace, &source.secret_name);
    }
    // Older volumes name no namespace for these; the claim's counts.
    for reference in [
        spec.cephfs.as_ref().and_then(|source| source.secret_ref.as_deref()),
        spec.flex_volume
            .as_ref()
            .and_then(|source| source.secret_ref.as_deref()),
        spec.rbd.as_ref().and_then(|source| source.secret_ref.as_deref()),
        spec.scale_io.as_ref().and_then(|source| source.secret_ref.as_deref()),
        spec.iscsi.as_ref().and_then(|source| source.secret_ref.as_deref()),
    ]
    .into_iter()
    .flatten()
    {
        add(&reference.namespace, claim_namespace, &reference.name);
    }
    if let Some(reference) = spec.cinder.as_ref().and_then(|source| source.secret_ref.as_deref()) {
        add(&reference.namespace, "", &reference.name);
    }
    if let Some(reference) = spec.storageos.as_ref().and_then(|source| source.secret_ref.as_deref()) {
        add(&reference.namespace, "", &reference.name);
    }
    if let Some(source) = &spec.csi {
        // Those for publishing and expanding by the controller are not the kubelet's business.
        for reference in [
            source.node_publish_secret_ref.as_deref(),
            source.node_stage_secret_ref.as_deref(),
            source.node_expand_secret_ref.as_deref(),
        ]
        .into_iter()
        .flatten()
        {
            add(&reference.namespace, "", &reference.name);
        }
    }
    found.sort();
    found.dedup();
    found
}
