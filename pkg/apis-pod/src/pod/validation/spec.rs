//! The spec of a pod or of a template.

use std::collections::{BTreeSet, HashSet};

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::{
    core::v1::{PodSchedulingGate, PodSpec, ResourceRequirements},
    meta::v1::ObjectMeta,
};

use super::{
    super::{LINUX, PodValidationOptions, WINDOWS},
    affinity, claims,
    containers::PodContext,
    host, security, spread,
    tolerations::validate_tolerations,
    volumes, windows,
};
use crate::{
    meta::{NameRule, validate_labels},
    resources::{Scope, validate_requirements},
    rules::{dns_label, object_name, one_of, qualified_name, required, required_one_of},
};

const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];
const DNS_POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const MAX_DEADLINE_SECONDS: i64 = i32::MAX as i64;

/// Checks a spec. `metadata` is that of the pod, absent for a template.
#[must_use]
pub fn validate_pod_spec(
    spec: &PodSpec,
    metadata: Option<&ObjectMeta>,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.termination_grace_period_seconds.is_none() {
        errors.push(Error::required(&path.child("terminationGracePeriodSeconds"), ""));
    }
    let (volumes, volume_errors) = volumes::validate_volumes(&spec.volumes, metadata, options, &path.child("volumes"));
    errors.append(volume_errors);
    let claim_names: BTreeSet<&str> = spec
        .resource_claims
        .iter()
        .map(|claim| claim.name.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    errors.append(claims::validate_claims(
        &spec.resource_claims,
        metadata,
        &path.child("resourceClaims"),
    ));
    let context = PodContext {
        spec,
        volumes: &volumes,
        claims: &claim_names,
        options,
    };
    errors.append(context.validate_containers(&path.child("containers")));
    errors.append(context.validate_init_containers(&path.child("initContainers")));
    errors.append(context.validate_ephemeral_containers(&path.child("ephemeralContainers")));
    if options.pod_level_resources {
        errors.append(claims::validate_pod_resources(spec, &claim_names, options, path));
    }
    errors.append(validate_policies(spec, options, path));
    errors.append(validate_scheduling(spec, options, path));
    errors.append(windows::validate_host_process(spec, options, path));
    errors.append(host::validate_host_users(spec, options, path));
    errors.append(host::validate_hostname_override(spec, path));
    errors.append(validate_names(spec, options, path));
    errors.append(validate_os(spec, path));
    if let Some(group) = &spec.scheduling_group {
        let path = path.child("schedulingGroup.podGroupName");
        errors.append(match &group.pod_group_name {
            Some(name) => object_name(NameRule::Dns1123Subdomain, &path, name),
            None => {
                let value = apimachinery::field::BadValue::plain("null");
                Error::invalid(&path, value, "must specify one of: `podGroupName`").into()
            }
        });
    }
    errors.append(host::validate_file_key_volumes(spec, path));
    errors
}

fn validate_policies(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = host::validate_host_network(spec, options, path);
    errors.extend(required_one_of(
        &path.child("restartPolicy"),
        &spec.restart_policy,
        &RESTART_POLICIES,
    ));
    errors.extend(required_one_of(
        &path.child("dnsPolicy"),
        &spec.dns_policy,
        &DNS_POLICIES,
    ));
    errors.append(validate_labels(&spec.node_selector, &path.child("nodeSelector")));
    if let Some(context) = &spec.security_context {
        let path = path.child("securityContext");
        errors.append(security::validate_pod_context(context, spec, options, &path));
    }
    errors
}

fn validate_scheduling(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(affinity) = &spec.affinity {
        errors.append(affinity::validate_affinity(affinity, options, &path.child("affinity")));
    }
    errors.append(host::validate_dns_config(
        spec.dns_config.as_deref(),
        &spec.dns_policy,
        options,
        &path.child("dnsConfig"),
    ));
    let gates = path.child("readinessGates");
    for (index, gate) in spec.readiness_gates.iter().enumerate() {
        let path = gates.index(index);
        errors.append(qualified_name(&path.child("conditionType"), &gate.condition_type));
    }
    errors.append(validate_scheduling_gates(
        &spec.scheduling_gates,
        &path.child("schedulingGates"),
    ));
    errors.append(spread::validate_constraints(
        &spec.topology_spread_constraints,
        options,
        &path.child("topologySpreadConstraints"),
    ));
    errors
}

fn validate_scheduling_gates(gates: &[PodSchedulingGate], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, gate) in gates.iter().enumerate() {
        let path = path.index(index);
        errors.append(qualified_name(&path, &gate.name));
        if !seen.insert(gate.name.as_str()) {
            errors.push(Error::duplicate(&path, &gate.name));
        }
    }
    errors
}

fn validate_names(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let subdomain = |member: &str, name: &str| match name {
        "" => ErrorList::new(),
        name => object_name(NameRule::Dns1123Subdomain, &path.child(member), name),
    };
    let mut errors = subdomain("serviceAccountName", &spec.service_account_name);
    errors.append(subdomain("nodeName", &spec.node_name));
    let deadline = spec.active_deadline_seconds;
    if let Some(seconds) = deadline.filter(|seconds| !(1..=MAX_DEADLINE_SECONDS).contains(seconds)) {
        let detail = names::inclusive_range_error(1, MAX_DEADLINE_SECONDS);
        errors.push(Error::invalid(&path.child("activeDeadlineSeconds"), seconds, detail));
    }
    for (member, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if !name.is_empty() {
            errors.append(dns_label(&path.child(member), name));
        }
    }
    errors.append(validate_tolerations(
        &spec.tolerations,
        options,
        &path.child("tolerations"),
    ));
    errors.append(host::validate_host_aliases(
        &spec.host_aliases,
        options,
        &path.child("hostAliases"),
    ));
    errors.append(subdomain("priorityClassName", &spec.priority_class_name));
    if let Some(class) = &spec.runtime_class_name {
        let path = path.child("runtimeClassName");
        errors.append(object_name(NameRule::Dns1123Subdomain, &path, class));
    }
    if let Some(policy) = &spec.preemption_policy {
        let path = path.child("preemptionPolicy");
        errors.extend(required_one_of(&path, policy, &["PreemptLowerPriority", "Never"]));
    }
    if !spec.overhead.is_empty() {
        let requirements = ResourceRequirements {
            limits: spec.overhead.clone(),
            ..ResourceRequirements::default()
        };
        let partial = options.allow_partial_huge_pages;
        let path = path.child("overhead");
        errors.append(validate_requirements(
            &requirements,
            Scope::Container,
            &BTreeSet::new(),
            partial,
            &path,
        ));
    }
    errors
}

fn validate_os(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let Some(os) = &spec.os else {
        return ErrorList::new();
    };
    let os_path = path.child("os");
    match os.name.as_str() {
        LINUX => windows::validate_linux_pod(spec, path),
        WINDOWS => windows::validate_windows_pod(spec, path),
        name => {
            let fault = required(&os_path.child("name"), name).or_else(|| one_of(&os_path, name, &[LINUX, WINDOWS]));
            fault.into_iter().collect()
        }
    }
}
