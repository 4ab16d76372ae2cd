//! Which labels a kubelet may give its node.

use std::collections::BTreeMap;

/// Labels in Kubernetes' own namespaces that a kubelet may set.
const LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
/// Namespaces that are the kubelet's.
const NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

fn is_kubernetes(namespace: &str) -> bool {
    ["kubernetes.io", "k8s.io"]
        .iter()
        .any(|own| namespace == *own || namespace.strip_suffix(own).is_some_and(|rest| rest.ends_with('.')))
}

fn is_allowed(key: &str, namespace: &str) -> bool {
    LABELS.contains(&key)
        || NAMESPACES
            .iter()
            .any(|own| namespace == *own || namespace.strip_suffix(own).is_some_and(|rest| rest.ends_with('.')))
}

/// Checks `--node-labels`.
pub(crate) fn validate(labels: &BTreeMap<String, String>) -> Result<(), String> {
    let (mut unknown, mut invalid) = (Vec::new(), Vec::new());
    for (key, value) in labels {
        let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
        if is_kubernetes(namespace) && !is_allowed(key, namespace) {
            unknown.push(key.as_str());
        }
        for (text, errors) in [
            (key, apimachinery::names::qualified_name(key)),
            (value, apimachinery::names::label_value(value)),
        ] {
            if !errors.is_empty() {
                invalid.push(format!("'{text}' - {}", errors.join(", ")));
            }
        }
    }
    if !unknown.is_empty() {
        let mut allowed = LABELS;
        allowed.sort_unstable();
        return Err(format!(
            "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [{}] --node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix ({}) or be in the specifically allowed set ({})",
            unknown.join(" "),
            NAMESPACES.join(", "),
            allowed.join(", ")
        ));
    }
    if !invalid.is_empty() {
        return Err(format!("invalid node labels: {}", invalid.join("; ")));
    }
    Ok(())
}
