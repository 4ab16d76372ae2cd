//! Defaults of pods and pod templates.
//!
//! Some apply to pods only and not to templates, so that a workload does not change when they do:
//! requests out of limits, host ports, links to services.

mod container;
mod image;
#[cfg(test)]
mod tests;
mod volume;

use k8s_api::{
    Map,
    core::v1::{Container, ContainerStatus, Pod, PodSpec, PodTemplate, PodTemplateSpec, ResourceRequirements},
    primitives::Quantity,
};

use super::{
    containers::for_each_container_mut,
    normalize::{normalize_pod, normalize_template_spec},
};
use crate::resources::{
    Side, aggregate, is_huge_page, is_overcommit_allowed, is_supported_at_pod_level, round_up_list,
};

pub use volume::set_claim_spec_defaults;

const TERMINATION_GRACE_PERIOD_SECONDS: i64 = 30;

/// Defaults of a pod, and its canonical form.
pub fn set_pod_defaults(pod: &mut Pod) {
    for container in pod.spec.containers.iter_mut().chain(&mut pod.spec.init_containers) {
        fill_in(&mut container.resources.requests, &container.resources.limits);
    }
    set_pod_level_limits(&mut pod.spec);
    set_pod_level_requests(&mut pod.spec);
    pod.spec.enable_service_links.get_or_insert(true);
    if pod.spec.host_network {
        set_host_ports(&mut pod.spec.containers);
        set_host_ports(&mut pod.spec.init_containers);
    }
    set_pod_spec_defaults(&mut pod.spec);
    let status = &mut pod.status;
    let statuses = [
        &mut status.init_container_statuses,
        &mut status.container_statuses,
        &mut status.ephemeral_container_statuses,
    ];
    for status in statuses.into_iter().flatten() {
        round_up_status(status);
    }
    round_up_list(&mut status.allocated_resources);
    round_up(status.resources.as_deref_mut());
    normalize_pod(pod);
}

/// Defaults of a stored template, and its canonical form.
pub fn set_pod_template_defaults(template: &mut PodTemplate) {
    set_template_spec_defaults(&mut template.template);
}

/// Defaults of the template within a workload, and its canonical form.
pub fn set_template_spec_defaults(template: &mut PodTemplateSpec) {
    set_pod_spec_defaults(&mut template.spec);
    normalize_template_spec(template);
}

/// Defaults of a spec, in a pod or in a template.
pub fn set_pod_spec_defaults(spec: &mut PodSpec) {
    set_text(&mut spec.dns_policy, "ClusterFirst");
    set_text(&mut spec.restart_policy, "Always");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds
        .get_or_insert(TERMINATION_GRACE_PERIOD_SECONDS);
    set_text(&mut spec.scheduler_name, "default-scheduler");
    spec.volumes.iter_mut().for_each(volume::set_volume_defaults);
    for_each_container_mut(spec, |container, _| container::set_container_defaults(container));
    round_up_list(&mut spec.overhead);
    round_up(spec.resources.as_deref_mut());
}

fn set_text(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}

fn fill_in(list: &mut Map<Quantity>, from: &Map<Quantity>) {
    for (name, quantity) in from {
        if !list.contains_key(name) {
            list.insert(name.clone(), quantity.clone());
        }
    }
}

fn round_up(requirements: Option<&mut ResourceRequirements>) {
    if let Some(requirements) = requirements {
        round_up_list(&mut requirements.limits);
        round_up_list(&mut requirements.requests);
    }
}

fn round_up_status(status: &mut ContainerStatus) {
    round_up_list(&mut status.allocated_resources);
    round_up(status.resources.as_deref_mut());
}

fn set_host_ports(containers: &mut [Container]) {
    let ports = containers.iter_mut().flat_map(|container| &mut container.ports);
    for port in ports.filter(|port| port.host_port == 0) {
        port.host_port = port.container_port;
    }
}

/// Limits of huge pages that the pod as a whole gets from its containers.
fn set_pod_level_limits(spec: &mut PodSpec) {
    let Some(resources) = &spec.resources else {
        return;
    };
    if resources.limits.is_empty() && resources.requests.is_empty() {
        return;
    }
    let mut limits = aggregate(spec, Side::Limits);
    let Some(resources) = &mut spec.resources else {
        return;
    };
    limits.retain(|name, _| is_huge_page(name) && !resources.requests.contains_key(name));
    fill_in(&mut resources.limits, &limits);
}

/// Requests that the pod as a whole gets: those of its containers, or else its limits.
fn set_pod_level_requests(spec: &mut PodSpec) {
    if spec
        .resources
        .as_ref()
        .is_none_or(|resources| resources.limits.is_empty())
    {
        return;
    }
    let mut requests = aggregate(spec, Side::Requests);
    requests.retain(|name, _| is_supported_at_pod_level(name) && is_overcommit_allowed(name));
    let Some(resources) = &mut spec.resources else {
        return;
    };
    fill_in(&mut resources.requests, &requests);
    let mut limits = resources.limits.clone();
    limits.retain(|name, _| is_supported_at_pod_level(name));
    fill_in(&mut resources.requests, &limits);
}
