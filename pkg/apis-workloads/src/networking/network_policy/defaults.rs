//! What a network policy is when nothing is said.

use k8s_api::networking::v1::NetworkPolicy;

/// Sets the defaults.
pub fn set_defaults(policy: &mut NetworkPolicy) {
    let spec = &mut policy.spec;
    if spec.policy_types.is_empty() {
        spec.policy_types.push("Ingress".into());
        if !spec.egress.is_empty() {
            spec.policy_types.push("Egress".into());
        }
    }
    let incoming = spec.ingress.iter_mut().flat_map(|rule| &mut rule.ports);
    let outgoing = spec.egress.iter_mut().flat_map(|rule| &mut rule.ports);
    for port in incoming.chain(outgoing) {
        port.protocol.get_or_insert_with(|| "TCP".into());
    }
}
