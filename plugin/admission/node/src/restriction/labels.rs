//! The labels that a kubelet may give its node.

use std::collections::BTreeSet;

use k8s_api::Map;

const ALLOWED: [&str; 11] = [
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
const ALLOWED_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const OWN_DOMAINS: [&str; 2] = ["kubernetes.io", "k8s.io"];
/// Labels that isolate nodes from each other are not for nodes to set.
const RESTRICTED_DOMAIN: &str = "node-restriction.kubernetes.io";

/// Whether a domain is this one or below it.
fn is_within(domain: &str, parent: &str) -> bool {
    domain
        .strip_suffix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_forbidden(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let known = ALLOWED.contains(&label) || ALLOWED_DOMAINS.iter().any(|allowed| is_within(domain, allowed));
    let own = OWN_DOMAINS.iter().any(|own| is_within(domain, own));
    is_within(domain, RESTRICTED_DOMAIN) || (own && !known)
}

/// The labels that differ and that a kubelet must not change, in order.
pub(super) fn forbidden<'l>(new: &'l Map<String>, old: &'l Map<String>) -> Vec<&'l str> {
    let differing = |a: &'l Map<String>, b: &'l Map<String>| {
        a.iter()
            .filter(|(key, value)| b.get(key) != Some(value))
            .map(|(key, _)| key.as_str())
            .collect::<Vec<_>>()
    };
    let modified: BTreeSet<&str> = differing(new, old).into_iter().chain(differing(old, new)).collect();
    modified.into_iter().filter(|label| is_forbidden(label)).collect()
}
