//! Pods: conditions, and patches of their statuses.

use apimachinery::strategic::{PatchError, create_two_way_merge_patch};
use client_go::api::Patch;
use client_go::{Client, Error};
use k8s_api::Kind as _;
use k8s_api::core::v1::{Pod, PodCondition, PodSpec, PodStatus};
use k8s_api::primitives::Time;
use serde_json::json;

/// The condition of pods that are about to be ended by somebody else than their owner.
pub const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// Whether the pod has ended.
#[must_use]
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

/// The condition of a type.
#[must_use]
pub fn condition<'p>(status: &'p PodStatus, type_: &str) -> Option<&'p PodCondition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the pod is ready.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    condition(&pod.status, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Sets a condition, with its transition time moved only when its status changes. Tells whether anything changed.
pub fn set_condition(status: &mut PodStatus, mut wanted: PodCondition, now: Time) -> bool {
    wanted.last_transition_time = Some(now);
    let Some(present) = status.conditions.iter_mut().find(|c| c.type_ == wanted.type_) else {
        status.conditions.push(wanted);
        return true;
    };
    if present.status == wanted.status {
        wanted.last_transition_time = present.last_transition_time;
    }
    let changed = *present != wanted;
    *present = wanted;
    changed
}

/// Writes a pod's status as a patch against the state that `pod` is in, if it differs. Refused with a conflict when another
/// pod has taken the name.
///
/// # Errors
/// See [`Error`].
pub async fn patch_status(client: &Client, pod: &Pod, status: PodStatus) -> Result<Option<Pod>, Error> {
    if pod.status == status {
        return Ok(None);
    }
    let bare = |status: PodStatus| {
        Pod {
            status,
            ..Pod::default()
        }
        .to_value()
    };
    let (before, mut after) = (bare(pod.status.clone()), bare(status));
    after["metadata"] = json!({"uid": pod.metadata.uid});
    let patch = create_two_way_merge_patch(before, after, k8s_api::builtin_schema().at(Pod::type_id()), &[])
        .map_err(|error: PatchError| Error::Invalid(error.to_string()))?;
    let api = client.namespaced::<Pod>(pod.metadata.namespace.clone());
    api.patch_status(&pod.metadata.name, &Patch::Strategic(patch))
        .await
        .map(Some)
}

/// The names of the claims that a pod's volumes use: those that it names, and those made for its ephemeral volumes.
pub fn claim_names(pod: &Pod) -> impl Iterator<Item = String> + '_ {
    pod.spec.volumes.iter().filter_map(|volume| {
        if let Some(claim) = &volume.persistent_volume_claim {
            Some(claim.claim_name.clone())
        } else if volume.ephemeral.is_some() {
            Some(ephemeral_claim_name(pod, &volume.name))
        } else {
            None
        }
    })
}

/// The name of the claim behind an ephemeral volume.
#[must_use]
pub fn ephemeral_claim_name(pod: &Pod, volume: &str) -> String {
    format!("{}-{volume}", pod.metadata.name)
}

/// Every name of a secret that a pod needs.
#[must_use]
pub fn secret_names(spec: &PodSpec) -> Vec<&str> {
    let mut names: Vec<&str> = spec
        .image_pull_secrets
        .iter()
        .map(|secret| secret.name.as_str())
        .collect();
    let environments = (spec.init_containers.iter().map(|c| (&c.env_from, &c.env)))
        .chain(spec.containers.iter().map(|c| (&c.env_from, &c.env)))
        .chain(spec.ephemeral_containers.iter().map(|c| (&c.env_from, &c.env)));
    for (env_from, env) in environments {
        names.extend(
            env_from
                .iter()
                .filter_map(|source| source.secret_ref.as_ref())
                .map(|s| s.name.as_str()),
        );
        let keys = env.iter().filter_map(|variable| variable.value_from.as_ref());
        names.extend(
            keys.filter_map(|source| source.secret_key_ref.as_ref())
                .map(|s| s.name.as_str()),
        );
    }
    for volume in &spec.volumes {
        if let Some(source) = &volume.secret {
            names.push(&source.secret_name);
        }
        if let Some(projected) = &volume.projected {
            names.extend(
                projected
                    .sources
                    .iter()
                    .filter_map(|s| s.secret.as_ref())
                    .map(|s| s.name.as_str()),
            );
        }
        let references = [
            volume.azure_file.as_ref().map(|source| &source.secret_name),
            volume
                .cephfs
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .cinder
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .flex_volume
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .rbd
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .scale_io
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .iscsi
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .storageos
                .as_ref()
                .and_then(|source| source.secret_ref.as_ref())
                .map(|r| &r.name),
            volume
                .csi
                .as_ref()
                .and_then(|source| source.node_publish_secret_ref.as_ref())
                .map(|r| &r.name),
        ];
        names.extend(references.into_iter().flatten().map(String::as_str));
    }
    names.retain(|name| !name.is_empty());
    names
}
