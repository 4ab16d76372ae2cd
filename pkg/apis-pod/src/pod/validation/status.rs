//! What kubelets, schedulers and controllers report of a pod.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    Container, ContainerStatus, LinuxContainerUser, Pod, PodCondition, PodResourceClaimStatus, PodSpec, PodStatus,
};

use super::{
    super::{PodValidationOptions, is_sidecar, is_windows},
    annotations::validate_annotation_updates,
};
use crate::{
    meta::{NameRule, validate_core_object_meta_update, validate_immutable},
    resources::is_native,
    rules::{dns_label, invalid_number, named, object_name, one_of, qualified_name},
};

const NOT_NEGATIVE: &str = "must be a non-negative integer";
const ONE_PER_FAMILY: &str = "may specify no more than one IP for each IP family";
const MAX_HEALTH_MESSAGE_LENGTH: usize = 1024;
const MAX_IMAGE_REFERENCE_LENGTH: usize = 256;

/// Checks an update of a pod's status.
#[must_use]
pub fn validate_pod_status_update(new: &Pod, old: &Pod, options: &PodValidationOptions) -> ErrorList {
    let metadata = Path::new("metadata");
    let mut errors = validate_core_object_meta_update(&new.metadata, &old.metadata, &metadata);
    errors.append(validate_annotation_updates(
        new,
        old,
        options,
        &metadata.child("annotations"),
    ));
    let path = Path::new("status");
    errors.append(validate_conditions(&new.status.conditions, &path.child("conditions")));
    if new.spec.node_name != old.spec.node_name {
        errors.push(Error::forbidden(&path.child("nodeName"), "may not be changed directly"));
    }
    errors.append(validate_nomination(new, old, options, &path.child("nominatedNodeName")));
    if new.status.observed_generation < 0 {
        let path = path.child("observedGeneration");
        errors.push(Error::invalid(&path, new.status.observed_generation, NOT_NEGATIVE));
    }
    errors.extend(validate_immutable(
        &new.status.qos_class,
        &old.status.qos_class,
        &path.child("qosClass"),
        |class| named(class),
    ));
    errors.append(validate_transitions(&new.status, old, options, &path));
    errors.append(validate_claim_statuses(new, &path.child("resourceClaimStatuses")));
    errors.append(validate_extended_claim(new, &path.child("extendedResourceClaimStatus")));
    errors.append(validate_allocatable_claims(
        new,
        &path.child("nodeAllocatableResourceClaimStatuses"),
    ));
    errors.append(validate_pod_ips(
        &new.status,
        &old.status,
        options,
        &path.child("podIPs"),
    ));
    errors.append(validate_host_ips(
        &new.status,
        &old.status,
        options,
        &path.child("hostIPs"),
    ));
    for (member, statuses, _) in lists(new) {
        errors.append(validate_users(statuses, &new.spec, &path.child(member)));
    }
    for (member, statuses, containers) in lists(new) {
        let path = path.child(member);
        errors.append(match containers {
            Some(containers) => validate_allocated(statuses, containers, &path),
            None => refuse_allocated(statuses, &path),
        });
    }
    if options.image_volume_digests {
        for (member, statuses, _) in lists(new) {
            errors.append(validate_volume_statuses(statuses, &path.child(member)));
        }
    }
    errors
}

type StatusList<'a> = (&'static str, &'a [ContainerStatus], Option<&'a [Container]>);

/// The lists of container statuses, in the order of their checks, and the containers that they are about.
fn lists(pod: &Pod) -> [StatusList<'_>; 3] {
    let status = &pod.status;
    [
        (
            "containerStatuses",
            &status.container_statuses,
            Some(&pod.spec.containers),
        ),
        (
            "initContainerStatuses",
            &status.init_container_statuses,
            Some(&pod.spec.init_containers),
        ),
        ("ephemeralContainerStatuses", &status.ephemeral_container_statuses, None),
    ]
}

fn validate_conditions(conditions: &[PodCondition], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, condition) in conditions.iter().enumerate() {
        let path = path.index(index);
        if condition.observed_generation < 0 {
            let path = path.child("observedGeneration");
            errors.push(Error::invalid(&path, condition.observed_generation, NOT_NEGATIVE));
        }
        if !["PodScheduled", "Ready", "Initialized"].contains(&condition.type_.as_str()) {
            errors.append(qualified_name(&path.child("Type"), &condition.type_));
        }
    }
    errors
}

fn validate_nomination(new: &Pod, old: &Pod, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let name = new.status.nominated_node_name.as_str();
    if name.is_empty() || name == old.status.nominated_node_name {
        return ErrorList::new();
    }
    let mut errors = object_name(NameRule::Dns1123Subdomain, path, name);
    if options.clear_nomination_after_binding && !old.spec.node_name.is_empty() {
        let detail = "may not be set on pods that are already bound to a node";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

/// Whether a container that ended with `code` is started again.
fn restarts(container: &Container, spec: &PodSpec, code: i32, options: &PodValidationOptions) -> bool {
    if let Some(policy) = container.restart_policy.as_deref() {
        let mut rules = container.restart_policy_rules.iter();
        let rule = rules.find(|rule| {
            rule.exit_codes
                .as_ref()
                .is_some_and(|codes| match codes.operator.as_str() {
                    "In" => codes.values.contains(&code),
                    "NotIn" => !codes.values.contains(&code),
                    _ => false,
                })
        });
        match rule.map(|rule| rule.action.as_str()) {
            Some("Restart") => return true,
            Some("RestartAllContainers") if options.allow_restart_all_containers => return true,
            _ => {}
        }
        match policy {
            "Always" => return true,
            "OnFailure" => return code != 0,
            "Never" => return false,
            _ => {}
        }
    }
    match spec.restart_policy.as_str() {
        "OnFailure" => code != 0,
        "Never" => false,
        _ => true,
    }
}

/// A container that has ended for good does not run again.
fn validate_transitions(new: &PodStatus, old: &Pod, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let spec = &old.spec;
    let restarts_all = |containers: &[Container]| {
        let mut rules = containers.iter().flat_map(|container| &container.restart_policy_rules);
        rules.any(|rule| rule.action == "RestartAllContainers")
    };
    let by_rules = options.allow_container_restart_rules;
    let all = by_rules
        && options.allow_restart_all_containers
        && (restarts_all(&spec.init_containers) || restarts_all(&spec.containers));
    let may_restart = |containers: &[Container], name: &str, code: i32| {
        let container = containers.iter().find(|container| container.name == name);
        if all {
            return true;
        }
        if by_rules {
            return container.is_some_and(|container| restarts(container, spec, code, options));
        }
        let init = std::ptr::eq(containers, spec.init_containers.as_slice());
        match spec.restart_policy.as_str() {
            "Always" => true,
            "OnFailure" if code != 0 => true,
            _ => init && container.is_some_and(is_sidecar),
        }
    };
    let mut errors = check_transitions(
        &new.container_statuses,
        &old.status.container_statuses,
        |name, code| may_restart(&spec.containers, name, code),
        &path.child("containerStatuses"),
    );
    errors.append(check_transitions(
        &new.init_container_statuses,
        &old.status.init_container_statuses,
        |name, code| may_restart(&spec.init_containers, name, code),
        &path.child("initContainerStatuses"),
    ));
    errors.append(check_transitions(
        &new.ephemeral_container_statuses,
        &old.status.ephemeral_container_statuses,
        |_, _| false,
        &path.child("ephemeralContainerStatuses"),
    ));
    errors
}

fn check_transitions(
    new: &[ContainerStatus],
    old: &[ContainerStatus],
    may_restart: impl Fn(&str, i32) -> bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, old) in old.iter().enumerate() {
        let Some(ended) = &old.state.terminated else {
            continue;
        };
        let mut running = new
            .iter()
            .filter(|new| new.name == old.name && new.state.terminated.is_none());
        if running.next().is_some() && !may_restart(&old.name, ended.exit_code) {
            let path = path.index(index);
            let detail = "may not be transitioned to non-terminated state";
            errors.push(Error::forbidden(&path.child("state"), detail));
        }
    }
    errors
}

fn validate_claim_statuses(pod: &Pod, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, status) in pod.status.resource_claim_statuses.iter().enumerate() {
        let path = path.index(index);
        let name = path.child("name");
        if !pod.spec.resource_claims.iter().any(|claim| claim.name == status.name) {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(Error::invalid(&name, &status.name, detail));
        }
        if !seen.insert(status.name.as_str()) {
            errors.push(Error::duplicate(&name, &status.name));
        }
        if let Some(claim) = &status.resource_claim_name {
            let path = path.child("resourceClaimName");
            errors.append(object_name(NameRule::Dns1123Subdomain, &path, claim));
        }
    }
    errors
}

fn validate_extended_claim(pod: &Pod, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(status) = &pod.status.extended_resource_claim_status else {
        return errors;
    };
    let mappings = path.child("requestMappings");
    if status.request_mappings.is_empty() {
        errors.push(Error::required(&mappings, "at least one request mapping is required"));
    }
    let mut seen = HashSet::new();
    for (index, mapping) in status.request_mappings.iter().enumerate() {
        let at = mappings.index(index);
        let names = [
            ("containerName", &mapping.container_name),
            ("resourceName", &mapping.resource_name),
            ("requestName", &mapping.request_name),
        ];
        // Of two containers of one name, the later one counts.
        let mut containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
        match containers.rfind(|container| container.name == mapping.container_name) {
            None => {
                let detail = "must match the name of an entry in spec.initContainers.name or spec.containers.name";
                errors.push(Error::invalid(
                    &at.child("containerName"),
                    &mapping.container_name,
                    detail,
                ));
            }
            Some(container) if !container.resources.requests.contains_key(&mapping.resource_name) => {
                let detail = "must match the extended resource name of an entry in \
                    spec.initContainers.resources.requests or spec.containers.resources.requests";
                errors.push(Error::invalid(
                    &at.child("resourceName"),
                    &mapping.resource_name,
                    detail,
                ));
            }
            Some(_) => {}
        }
        errors.append(dns_label(&path.child("requestName"), &mapping.request_name));
        if !seen.insert(names.map(|(_, name)| name)) {
            errors.extend(names.map(|(member, name)| Error::duplicate(&at.child(member), name)));
        }
    }
    let claim = path.child("resourceClaimName");
    if status.resource_claim_name.is_empty() {
        errors.push(Error::required(&claim, ""));
    } else {
        errors.append(object_name(
            NameRule::Dns1123Subdomain,
            &claim,
            &status.resource_claim_name,
        ));
    }
    errors
}

fn validate_allocatable_claims(pod: &Pod, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let of_status = |status: &PodResourceClaimStatus| status.resource_claim_name.clone();
    for (index, status) in pod.status.node_allocatable_resource_claim_statuses.iter().enumerate() {
        let path = path.index(index);
        let claim = path.child("resourceClaimName");
        let name = status.resource_claim_name.as_str();
        if name.is_empty() {
            errors.push(Error::required(&claim, "must not be empty"));
        }
        let mut named_claims = pod.spec.resource_claims.iter();
        let mut made_claims = pod.status.resource_claim_statuses.iter();
        let found = named_claims.any(|claim| claim.resource_claim_name.as_deref() == Some(name))
            || made_claims.any(|status| of_status(status).as_deref() == Some(name));
        if !found {
            errors.push(Error::invalid(&claim, name, "no mapping found in pod reference"));
        }
        if status.containers.is_empty() {
            errors.push(Error::required(&path.child("containers"), "must not be empty"));
        }
        let resources = path.child("resources");
        if status.resources.is_empty() {
            errors.push(Error::required(&resources, "must not be empty"));
        }
        for (resource, quantity) in &status.resources {
            let path = resources.key(resource);
            if !is_native(resource) {
                let detail = "must be a node allocatable resource name";
                errors.push(Error::invalid(&path, named(resource), detail));
            }
            if quantity.signum() < 0 {
                errors.push(Error::invalid(&path, quantity.to_string(), "must be non-negative"));
            }
        }
    }
    errors
}

/// Addresses that are new must be valid; more than one must be of both families.
fn validate_ips<'a>(new: &[&'a str], old: &[&'a str], options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, ip) in new.iter().enumerate() {
        let path = path.index(index);
        errors.append(names::validate_legacy_ip(&path, ip, options.strict_ips, old));
    }
    if new.len() < 2 {
        return errors;
    }
    let parsed: Vec<_> = new.iter().map(|ip| names::parse_ip_sloppy(ip)).collect();
    let invalid = parsed.iter().position(Option::is_none);
    if let Some(at) = invalid {
        let ip = new[at];
        let detail = format!("failed to check for dual stack with error:invalid IP[{at}]: {ip}");
        errors.push(Error::internal(path, detail));
    }
    let has = |v6: bool| parsed.iter().flatten().any(|ip| ip.is_ipv6() == v6);
    let dual = invalid.is_none() && has(false) && has(true);
    if !dual || new.len() > 2 {
        let shown: Vec<String> = new
            .iter()
            .map(|ip| format!(r#"{{"IP":{}}}"#, serde_json::Value::from(*ip)))
            .collect();
        let value = BadValue::plain(format_args!("[{}]", shown.join(",")));
        errors.push(Error::invalid(path, value, ONE_PER_FAMILY));
    }
    errors
}

fn validate_pod_ips(new: &PodStatus, old: &PodStatus, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let new: Vec<&str> = new.pod_ips.iter().map(|ip| ip.ip.as_str()).collect();
    let old: Vec<&str> = old.pod_ips.iter().map(|ip| ip.ip.as_str()).collect();
    validate_ips(&new, &old, options, path)
}

fn validate_host_ips(new: &PodStatus, old: &PodStatus, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(first) = new.host_ips.first().filter(|first| first.ip != new.host_ip) {
        let path = path.index(0);
        errors.push(Error::invalid(
            &path.child("ip"),
            &first.ip,
            "must be equal to `hostIP`",
        ));
    }
    let new: Vec<&str> = new.host_ips.iter().map(|ip| ip.ip.as_str()).collect();
    let old: Vec<&str> = old.host_ips.iter().map(|ip| ip.ip.as_str()).collect();
    errors.append(validate_ips(&new, &old, options, path));
    errors
}

fn validate_users(statuses: &[ContainerStatus], spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let linux = spec.os.as_ref().is_none_or(|os| os.name == super::super::LINUX);
    for (index, status) in statuses.iter().enumerate() {
        let Some(user) = status.user.as_ref().and_then(|user| user.linux.as_deref()) else {
            continue;
        };
        let path = path.index(index);
        let path = path.child("user.linux");
        if is_windows(spec) {
            errors.push(Error::forbidden(&path, "cannot be set for a windows pod"));
        } else if linux {
            errors.append(validate_linux_user(user, &path));
        }
    }
    errors
}

fn validate_linux_user(user: &LinuxContainerUser, path: &Path<'_>) -> ErrorList {
    let check = |path: &Path<'_>, id: i64| invalid_number(path, id, names::user_or_group_id(id));
    let mut errors = check(&path.child("uid"), user.uid);
    errors.append(check(&path.child("gid"), user.gid));
    let groups = path.child("supplementalGroups");
    for (index, group) in user.supplemental_groups.iter().enumerate() {
        errors.append(check(&groups.index(index), *group));
    }
    errors
}

fn refuse_allocated(statuses: &[ContainerStatus], path: &Path<'_>) -> ErrorList {
    let faults = statuses
        .iter()
        .enumerate()
        .filter(|(_, status)| !status.allocated_resources_status.is_empty());
    let errors = faults.map(|(index, _)| {
        let path = path.index(index);
        let detail = "must not be specified in container status";
        Error::forbidden(&path.child("allocatedResourcesStatus"), detail)
    });
    errors.collect()
}

fn validate_allocated(statuses: &[ContainerStatus], containers: &[Container], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, status) in statuses.iter().enumerate() {
        let at = path.index(index);
        let list = at.child("allocatedResourcesStatus");
        let container = containers.iter().find(|container| container.name == status.name);
        for (index, resource) in status.allocated_resources_status.iter().enumerate() {
            let path = list.index(index);
            let fault = container.and_then(|container| unknown_resource(&resource.name, container));
            errors.extend(fault.map(|fault| Error::invalid(&path.child("name"), named(&resource.name), fault)));
            let resources = path.child("resources");
            let mut seen = HashSet::new();
            for (index, health) in resource.resources.iter().enumerate() {
                let path = resources.index(index);
                let values = ["Healthy", "Unhealthy", "Unknown"];
                errors.extend(one_of(&path.child("health"), &health.health, &values));
                let message = path.child("message");
                match health.message.as_deref() {
                    Some("") => errors.push(Error::required(&message, "must be non-empty if specified")),
                    Some(text) if text.len() > MAX_HEALTH_MESSAGE_LENGTH => {
                        errors.push(Error::too_long(&message, MAX_HEALTH_MESSAGE_LENGTH));
                    }
                    _ => {}
                }
                if !seen.insert(health.resource_id.as_str()) {
                    let id = named(&health.resource_id);
                    errors.push(Error::duplicate(&path.child("resourceID"), id));
                }
            }
        }
    }
    errors
}

/// What is wrong with the name of an allocated resource.
fn unknown_resource(name: &str, container: &Container) -> Option<&'static str> {
    let resources = &container.resources;
    if let Some(claim) = name.strip_prefix("claim:") {
        let mut claims = resources.claims.iter();
        let known = claims.any(|own| match own.request.as_str() {
            "" => own.name == claim,
            request => claim.split_once('/') == Some((own.name.as_str(), request)),
        });
        let detail = "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or \
            'claim:<claimName>' if request is empty";
        return (!known).then_some(detail);
    }
    let known = resources.requests.contains_key(name);
    (!known).then_some("must match one of the container's resource requests")
}

fn validate_volume_statuses(statuses: &[ContainerStatus], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, status) in statuses.iter().enumerate() {
        let at = path.index(index);
        let mounts = at.child("volumeMounts");
        for (index, mount) in status.volume_mounts.iter().enumerate() {
            let image = mount.volume_status.as_ref().and_then(|status| status.image.as_ref());
            let Some(image) = image else {
                continue;
            };
            let path = mounts.index(index);
            let path = path.child("volumeStatus.imageVolumeStatus.imageRef");
            if image.image_ref.is_empty() {
                errors.push(Error::required(&path, "imageRef must not be empty"));
            }
            if image.image_ref.len() > MAX_IMAGE_REFERENCE_LENGTH {
                errors.push(Error::too_long(&path, MAX_IMAGE_REFERENCE_LENGTH));
            }
        }
    }
    errors
}
