//! Fields of features that are off: dropped, unless the object has them already.
//!
//! Gates that v1.36 has locked on are not asked about. Upstream counterpart: `pkg/api/pod`.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{Container, Lifecycle, Pod, PodSpec, PodStatus, PodTemplateSpec};

use super::{
    containers::{for_each_container_mut, is_sidecar},
    in_use,
};

/// Drops what is off from a pod that is created (`old` absent) or updated.
pub fn drop_disabled_pod_fields(pod: &mut Pod, old: Option<&Pod>, gates: &FeatureGates) {
    drop_spec_fields(&mut pod.spec, old.map(|old| &old.spec), gates);
    drop_status_fields(&mut pod.status, old.map(|old| &old.status), gates);
}

/// Drops what is off from the template of a workload.
pub fn drop_disabled_template_fields(
    template: &mut PodTemplateSpec,
    old: Option<&PodTemplateSpec>,
    gates: &FeatureGates,
) {
    drop_spec_fields(&mut template.spec, old.map(|old| &old.spec), gates);
}

fn drop_spec_fields(spec: &mut PodSpec, old: Option<&PodSpec>, gates: &FeatureGates) {
    let off = |feature: Feature, in_use: fn(&PodSpec) -> bool| !gates.enabled(feature) && !old.is_some_and(in_use);
    if off(Feature::PodLevelResources, in_use::pod_level_resources) {
        spec.resources = None;
    }
    if off(Feature::MatchLabelKeysInPodTopologySpread, |spec| {
        let mut constraints = spec.topology_spread_constraints.iter();
        constraints.any(|constraint| !constraint.match_label_keys.is_empty())
    }) {
        for constraint in &mut spec.topology_spread_constraints {
            constraint.match_label_keys.clear();
        }
    }
    if off(Feature::ClusterTrustBundleProjection, |spec| {
        in_use::projections(spec, |source| source.cluster_trust_bundle.is_some())
    }) {
        let projected = spec
            .volumes
            .iter_mut()
            .filter_map(|volume| volume.projected.as_deref_mut());
        projected
            .flat_map(|projected| &mut projected.sources)
            .for_each(|source| source.cluster_trust_bundle = None);
    }
    if off(Feature::PodCertificateRequest, |spec| {
        in_use::projections(spec, |source| source.pod_certificate.is_some())
    }) {
        let projected = spec
            .volumes
            .iter_mut()
            .filter_map(|volume| volume.projected.as_deref_mut());
        projected
            .flat_map(|projected| &mut projected.sources)
            .for_each(|source| source.pod_certificate = None);
    }
    if off(Feature::GenericWorkload, |spec| spec.scheduling_group.is_some()) {
        spec.scheduling_group = None;
    }
    if off(Feature::HostnameOverride, |spec| spec.hostname_override.is_some()) {
        spec.hostname_override = None;
    }
    if off(Feature::ContainerRestartRules, in_use::container_restart_rules) {
        drop_restart_rules(spec);
    }
    if off(Feature::EnvFiles, in_use::file_key_refs) {
        for_each_container_mut(spec, |container, _| drop_file_key_refs(container));
    }
    if off(Feature::ContainerStopSignals, in_use::stop_signals) {
        for_each_container_mut(spec, |container, _| drop_stop_signal(container));
    }
}

fn drop_restart_rules(spec: &mut PodSpec) {
    for container in &mut spec.init_containers {
        if !is_sidecar(container) {
            container.restart_policy = None;
        }
        container.restart_policy_rules.clear();
    }
    for container in &mut spec.containers {
        container.restart_policy = None;
        container.restart_policy_rules.clear();
    }
    for container in &mut spec.ephemeral_containers {
        container.restart_policy = None;
        container.restart_policy_rules.clear();
    }
}

fn drop_file_key_refs(container: &mut Container) {
    for source in container
        .env
        .iter_mut()
        .filter_map(|variable| variable.value_from.as_deref_mut())
    {
        source.file_key_ref = None;
    }
}

fn drop_stop_signal(container: &mut Container) {
    let Some(lifecycle) = &mut container.lifecycle else {
        return;
    };
    if lifecycle.stop_signal.take().is_some() && **lifecycle == Lifecycle::default() {
        container.lifecycle = None;
    }
}

fn drop_status_fields(status: &mut PodStatus, old: Option<&PodStatus>, gates: &FeatureGates) {
    let off = |feature: Feature, in_use: fn(&PodStatus) -> bool| !gates.enabled(feature) && !old.is_some_and(in_use);
    if off(Feature::InPlacePodLevelResourcesVerticalScaling, |status| {
        status.resources.is_some() || !status.allocated_resources.is_empty()
    }) {
        status.resources = None;
        status.allocated_resources.clear();
    }
    if off(Feature::DRAExtendedResource, |status| {
        status.extended_resource_claim_status.is_some()
    }) {
        status.extended_resource_claim_status = None;
    }
    if off(Feature::ResourceHealthStatus, in_use::resource_health) {
        in_use::container_statuses_mut(status).for_each(|status| status.allocated_resources_status.clear());
    }
    if off(Feature::ResourceHealthStatusMessage, in_use::resource_health_messages) {
        let resources =
            in_use::container_statuses_mut(status).flat_map(|status| &mut status.allocated_resources_status);
        resources
            .flat_map(|resource| &mut resource.resources)
            .for_each(|health| health.message = None);
    }
    if off(Feature::ImageVolumeWithDigest, in_use::image_volume_digests) {
        in_use::container_statuses_mut(status)
            .flat_map(|status| &mut status.volume_mounts)
            .for_each(|mount| mount.volume_status = None);
    }
    if off(Feature::DRANodeAllocatableResources, |status| {
        !status.node_allocatable_resource_claim_statuses.is_empty()
    }) {
        status.node_allocatable_resource_claim_statuses.clear();
    }
}
