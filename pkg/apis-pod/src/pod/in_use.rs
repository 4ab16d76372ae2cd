//! What a spec or status makes use of: fields of features that are off may stay where they are.

use k8s_api::core::v1::{
    Container, ContainerStatus, PodAffinityTerm, PodSpec, PodStatus, ResourceHealth, VolumeProjection,
};

use super::containers::{any_container, is_sidecar};

/// Every container status of the pod.
pub(super) fn container_statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter();
    init.chain(&status.container_statuses)
        .chain(&status.ephemeral_container_statuses)
}

/// Every container status of the pod, to be changed in place.
pub(super) fn container_statuses_mut(status: &mut PodStatus) -> impl Iterator<Item = &mut ContainerStatus> {
    let init = status.init_container_statuses.iter_mut();
    init.chain(&mut status.container_statuses)
        .chain(&mut status.ephemeral_container_statuses)
}

/// What containers read from files that others wrote.
pub(super) fn file_key_refs(spec: &PodSpec) -> bool {
    any_container(spec, |container| {
        let mut sources = container
            .env
            .iter()
            .filter_map(|variable| variable.value_from.as_deref());
        sources.any(|source| source.file_key_ref.is_some())
    })
}

/// Signals that stop containers.
pub(super) fn stop_signals(spec: &PodSpec) -> bool {
    any_container(spec, |container| {
        container
            .lifecycle
            .as_ref()
            .is_some_and(|lifecycle| lifecycle.stop_signal.is_some())
    })
}

/// Sources of projected volumes for which `test` holds.
pub(super) fn projections(spec: &PodSpec, test: impl Fn(&VolumeProjection) -> bool) -> bool {
    let projected = spec.volumes.iter().filter_map(|volume| volume.projected.as_deref());
    projected.flat_map(|projected| &projected.sources).any(test)
}

/// Restart policies of single containers, other than of sidecars.
pub(super) fn container_restart_rules(spec: &PodSpec) -> bool {
    let init = |container: &Container| {
        (container.restart_policy.is_some() && !is_sidecar(container)) || !container.restart_policy_rules.is_empty()
    };
    spec.init_containers.iter().any(init)
        || spec
            .containers
            .iter()
            .any(|container| container.restart_policy.is_some())
}

/// Rules that restart the whole pod, and rules on sidecars.
pub(super) fn restart_all_containers(spec: &PodSpec) -> bool {
    let restarts_all = |container: &Container| {
        let mut rules = container.restart_policy_rules.iter();
        rules.any(|rule| rule.action == "RestartAllContainers")
    };
    spec.containers.iter().any(restarts_all)
        || spec.init_containers.iter().any(|container| {
            restarts_all(container) || (is_sidecar(container) && !container.restart_policy_rules.is_empty())
        })
}

/// Every term of pod affinity and anti-affinity.
pub(super) fn affinity_terms(spec: &PodSpec) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = spec.affinity.as_deref();
    let to = affinity.and_then(|affinity| affinity.pod_affinity.as_deref());
    let from = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_deref());
    let required = [
        to.map(|to| &to.required_during_scheduling_ignored_during_execution),
        from.map(|from| &from.required_during_scheduling_ignored_during_execution),
    ];
    let preferred = [
        to.map(|to| &to.preferred_during_scheduling_ignored_during_execution),
        from.map(|from| &from.preferred_during_scheduling_ignored_during_execution),
    ];
    let weighted = preferred
        .into_iter()
        .flatten()
        .flatten()
        .map(|weighted| &weighted.pod_affinity_term);
    required.into_iter().flatten().flatten().chain(weighted)
}

/// Requests or limits of the pod as a whole.
pub(super) fn pod_level_resources(spec: &PodSpec) -> bool {
    let resources = spec.resources.as_deref();
    resources.is_some_and(|resources| !resources.requests.is_empty() || !resources.limits.is_empty())
}

/// Digests of images that are mounted.
pub(super) fn image_volume_digests(status: &PodStatus) -> bool {
    let mut mounts = container_statuses(status).flat_map(|status| &status.volume_mounts);
    mounts.any(|mount| mount.volume_status.is_some())
}

/// The health of devices.
pub(super) fn resource_health(status: &PodStatus) -> bool {
    container_statuses(status).any(|status| !status.allocated_resources_status.is_empty())
}

/// Messages about the health of devices.
pub(super) fn resource_health_messages(status: &PodStatus) -> bool {
    let resources = container_statuses(status).flat_map(|status| &status.allocated_resources_status);
    let mut health = resources.flat_map(|resource| &resource.resources);
    health.any(|health: &ResourceHealth| health.message.is_some())
}
