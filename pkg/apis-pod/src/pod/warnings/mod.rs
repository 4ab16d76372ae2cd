//! Warnings about pods and templates that are valid, but hardly what was meant.

mod ports;
mod volumes;

use std::collections::HashSet;

use apimachinery::{field::Path, names};
use k8s_api::{
    Map,
    core::v1::{
        AppArmorProfile, Container, NodeSelectorTerm, PersistentVolumeClaimSpec, Pod, PodAffinityTerm, PodSpec,
        PodTemplateSpec, WeightedPodAffinityTerm,
    },
    meta::v1::ObjectMeta,
    primitives::{Quantity, quote},
};

use super::{
    APP_ARMOR_ANNOTATION_PREFIX, SECCOMP_CONTAINER_ANNOTATION_PREFIX, SECCOMP_POD_ANNOTATION, for_each_container,
};

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";
const DEPRECATED_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
];
const DEPRECATED_NODE_LABELS: [(&str, &str); 8] = [
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "beta.kubernetes.io/arch",
        r#"deprecated since v1.14; use "kubernetes.io/arch" instead"#,
    ),
    (
        "beta.kubernetes.io/instance-type",
        r#"deprecated since v1.17; use "node.kubernetes.io/instance-type" instead"#,
    ),
    (
        "beta.kubernetes.io/os",
        r#"deprecated since v1.14; use "kubernetes.io/os" instead"#,
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        r#"deprecated since v1.17; use "topology.kubernetes.io/region" instead"#,
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        r#"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#,
    ),
    (
        "node-role.kubernetes.io/master",
        r#"use "node-role.kubernetes.io/control-plane" instead"#,
    ),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
];

/// Why a label of nodes should no longer be used, if it should not.
#[must_use]
pub fn deprecated_node_label(key: &str) -> Option<&'static str> {
    let found = DEPRECATED_NODE_LABELS.iter().find(|(label, _)| *label == key);
    found.map(|(_, message)| *message)
}

/// Warnings about a pod that is created.
#[must_use]
pub fn warnings_for_pod(pod: &Pod) -> Vec<String> {
    warnings(&Path::NIL, &pod.spec, &pod.metadata, false)
}

/// Warnings about the template under `path`.
#[must_use]
pub fn warnings_for_template(template: &PodTemplateSpec, path: &Path<'_>) -> Vec<String> {
    warnings(path, &template.spec, &template.metadata, true)
}

fn warnings(root: &Path<'_>, spec: &PodSpec, metadata: &ObjectMeta, template: bool) -> Vec<String> {
    let path = root.child("spec");
    let annotations_path = root.child("metadata.annotations");
    let mut warnings = warnings_for_nodes(spec, &path);
    for (key, message) in DEPRECATED_ANNOTATIONS {
        if metadata.annotations.contains_key(key) {
            warnings.push(format!("{}: {message}", annotations_path.key(key)));
        }
    }
    warnings.extend(volumes::warnings_for_types(&spec.volumes, &path.child("volumes")));
    warnings.extend(volumes::warnings_for_overlaps(&spec.volumes));
    warnings.extend(warnings_for_repetitions(spec, &path));
    let overhead = path.child("overhead");
    for name in ["memory", "ephemeral-storage"] {
        warnings.extend(fractional(&spec.overhead, name, &overhead));
    }
    let context = spec.security_context.as_deref();
    let has_profile = context.is_some_and(|context| context.seccomp_profile.is_some());
    if !has_profile && metadata.annotations.contains_key(SECCOMP_POD_ANNOTATION) {
        let path = annotations_path.key(SECCOMP_POD_ANNOTATION);
        warnings.push(format!(
            r#"{path}: non-functional in v1.27+; use the "seccompProfile" field instead"#
        ));
    }
    let profile = context.and_then(|context| context.app_armor_profile.as_deref());
    for_each_container(spec, &path, |container, _, path| {
        warnings.extend(warnings_for_profiles(
            container,
            metadata,
            profile,
            template,
            &annotations_path,
        ));
        warnings.extend(warnings_for_container(container, path));
    });
    warnings.extend(ports::warnings_for_ports(spec, &path));
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let path = path.child("terminationGracePeriodSeconds");
        warnings.push(format!(
            "{path}: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    warnings.extend(warnings_for_pod_affinity(spec, &path.child("affinity")));
    let servers = path.child("dnsConfig.nameservers");
    let nameservers = spec
        .dns_config
        .iter()
        .flat_map(|config| &config.nameservers)
        .enumerate();
    warnings.extend(nameservers.filter_map(|(index, ip)| names::ip_warnings(&servers.index(index), ip)));
    let aliases = path.child("hostAliases");
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        let path = aliases.index(index);
        warnings.extend(names::ip_warnings(&path.child("ip"), &alias.ip));
    }
    warnings
}

fn warnings_for_nodes(spec: &PodSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let selector = path.child("nodeSelector");
    for key in spec.node_selector.keys() {
        if let Some(message) = deprecated_node_label(key) {
            warnings.push(format!("{}: {message}", selector.key(key)));
        }
    }
    if let Some(node) = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
    {
        let path = path.child("affinity.nodeAffinity");
        let required = node.required_during_scheduling_ignored_during_execution.iter();
        let list = path.child("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
        for (index, term) in required.flat_map(|required| &required.node_selector_terms).enumerate() {
            warnings.extend(warnings_for_node_selector_term(term, false, &list.index(index)));
        }
        let list = path.child("preferredDuringSchedulingIgnoredDuringExecution");
        let preferred = node.preferred_during_scheduling_ignored_during_execution.iter();
        for (index, term) in preferred.enumerate() {
            let path = list.index(index);
            let path = path.child("preference");
            warnings.extend(warnings_for_node_selector_term(&term.preference, true, &path));
        }
    }
    let list = path.child("topologySpreadConstraints");
    for (index, constraint) in spec.topology_spread_constraints.iter().enumerate() {
        let path = list.index(index);
        if let Some(message) = deprecated_node_label(&constraint.topology_key) {
            let key = path.child("topologyKey");
            warnings.push(format!("{key}: {} is {message}", constraint.topology_key));
        }
        if constraint.label_selector.is_none() {
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
    }
    warnings
}

/// Warnings about one term of a selector of nodes; `values` if it may name values that no label has.
#[must_use]
pub fn warnings_for_node_selector_term(term: &NodeSelectorTerm, values: bool, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let list = path.child("matchExpressions");
    for (index, expression) in term.match_expressions.iter().enumerate() {
        let path = list.index(index);
        if let Some(message) = deprecated_node_label(&expression.key) {
            warnings.push(format!("{}: {} is {message}", path.child("key"), expression.key));
        }
        let list = path.child("values");
        for (index, value) in expression.values.iter().enumerate().filter(|_| values) {
            let messages = names::label_value(value);
            let path = list.index(index);
            warnings.extend(
                messages
                    .iter()
                    .map(|message| format!("{path}: {value} is invalid, {message}")),
            );
        }
    }
    warnings
}

fn warnings_for_repetitions(spec: &PodSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let list = path.child("hostAliases");
    let mut seen = HashSet::new();
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        if !seen.insert(alias.ip.as_str()) {
            let path = list.index(index);
            warnings.push(format!("{}: duplicate ip {}", path.child("ip"), quote(&alias.ip)));
        }
    }
    let list = path.child("imagePullSecrets");
    let mut seen = HashSet::new();
    for (index, secret) in spec.image_pull_secrets.iter().enumerate() {
        if !seen.insert(secret.name.as_str()) {
            let path = list.index(index);
            warnings.push(format!(
                "{}: duplicate name {}",
                path.child("name"),
                quote(&secret.name)
            ));
        }
    }
    for (index, _) in spec
        .image_pull_secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| secret.name.is_empty())
    {
        let path = list.index(index);
        warnings.push(format!(r#"{}: invalid empty name """#, path.child("name")));
    }
    warnings
}

fn fractional(list: &Map<Quantity>, name: &str, path: &Path<'_>) -> Option<String> {
    let quantity = list.get(name).filter(|quantity| quantity.milli_value() % 1000 != 0)?;
    let (path, text) = (path.key(name), quote(&quantity.to_string()));
    Some(format!(
        "{path}: fractional byte value {text} is invalid, must be an integer"
    ))
}

/// Warnings about what a claim asks for.
#[must_use]
pub fn warnings_for_claim_spec(spec: &PersistentVolumeClaimSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(fractional(
        &spec.resources.requests,
        "storage",
        &path.child("resources.requests"),
    ));
    warnings.extend(fractional(
        &spec.resources.limits,
        "storage",
        &path.child("resources.limits"),
    ));
    warnings
}

/// The profile that an annotation stands for.
#[must_use]
pub fn app_armor_profile_of_annotation(annotation: &str) -> Option<AppArmorProfile> {
    let of = |kind: &str| AppArmorProfile {
        type_: kind.into(),
        localhost_profile: None,
    };
    match annotation {
        "unconfined" => Some(of("Unconfined")),
        "runtime/default" => Some(of("RuntimeDefault")),
        other => {
            let local = other.strip_prefix("localhost/").filter(|local| !local.is_empty())?;
            Some(AppArmorProfile {
                localhost_profile: Some(local.into()),
                ..of("Localhost")
            })
        }
    }
}

fn warnings_for_profiles(
    container: &Container,
    metadata: &ObjectMeta,
    pod_profile: Option<&AppArmorProfile>,
    template: bool,
    path: &Path<'_>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if metadata.annotations.is_empty() {
        return warnings;
    }
    let context = container.security_context.as_deref();
    let key = format!("{SECCOMP_CONTAINER_ANNOTATION_PREFIX}{}", container.name);
    if context.is_none_or(|context| context.seccomp_profile.is_none()) && metadata.annotations.contains_key(&key) {
        let path = path.key(&key);
        warnings.push(format!(
            r#"{path}: non-functional in v1.27+; use the "seccompProfile" field instead"#
        ));
    }
    let key = format!("{APP_ARMOR_ANNOTATION_PREFIX}{}", container.name);
    // Pods get this warning when the annotation becomes a field.
    if template
        && context.is_none_or(|context| context.app_armor_profile.is_none())
        && let Some(annotation) = metadata.annotations.get(&key)
        && pod_profile.is_none_or(|profile| Some(profile) != app_armor_profile_of_annotation(annotation).as_ref())
    {
        let path = path.key(&key);
        warnings.push(format!(
            r#"{path}: deprecated since v1.30; use the "appArmorProfile" field instead"#
        ));
    }
    warnings
}

fn warnings_for_container(container: &Container, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let resources = path.child("resources");
    for name in ["memory", "ephemeral-storage"] {
        warnings.extend(fractional(
            &container.resources.limits,
            name,
            &resources.child("limits"),
        ));
        warnings.extend(fractional(
            &container.resources.requests,
            name,
            &resources.child("requests"),
        ));
    }
    let list = path.child("env");
    let mut seen = HashSet::new();
    for (index, variable) in container.env.iter().enumerate() {
        if seen.insert(variable.name.as_str()) {
            continue;
        }
        let reference = format!("$({})", variable.name);
        let hides =
            variable.value_from.is_some() || variable.value == reference || !variable.value.contains(&reference);
        if hides {
            let (path, name) = (list.index(index), quote(&variable.name));
            warnings.push(format!(
                "{path}: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
    }
    warnings
}

fn warnings_for_pod_affinity(spec: &PodSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut check = |member: &str, required: &[PodAffinityTerm], preferred: &[WeightedPodAffinityTerm]| {
        let path = path.child(member);
        let list = path.child("requiredDuringSchedulingIgnoredDuringExecution");
        for (index, _) in required
            .iter()
            .enumerate()
            .filter(|(_, term)| term.label_selector.is_none())
        {
            let path = list.index(index);
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
        let list = path.child("preferredDuringSchedulingIgnoredDuringExecution");
        let weighted = preferred.iter().enumerate();
        for (index, _) in weighted.filter(|(_, term)| term.pod_affinity_term.label_selector.is_none()) {
            let path = list.index(index);
            warnings.push(format!(
                "{}: {NULL_SELECTOR}",
                path.child("podAffinityTerm.labelSelector")
            ));
        }
    };
    if let Some(affinity) = &spec.affinity {
        if let Some(to) = &affinity.pod_affinity {
            check(
                "podAffinity",
                &to.required_during_scheduling_ignored_during_execution,
                &to.preferred_during_scheduling_ignored_during_execution,
            );
        }
        if let Some(from) = &affinity.pod_anti_affinity {
            check(
                "podAntiAffinity",
                &from.required_during_scheduling_ignored_during_execution,
                &from.preferred_during_scheduling_ignored_during_execution,
            );
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
