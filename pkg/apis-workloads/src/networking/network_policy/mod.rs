//! Network policies.

mod defaults;
#[cfg(test)]
mod tests;
mod validation;

use apimachinery::{field::Path, names::cidr_warnings};
use k8s_api::networking::v1::{NetworkPolicy, NetworkPolicyPeer};

use crate::common::SPEC;

pub use defaults::set_defaults;
pub use validation::{validate, validate_update};

/// What the author of a policy should know.
#[must_use]
pub fn warnings(policy: &NetworkPolicy) -> Vec<String> {
    let mut warnings = Vec::new();
    let (ingress, egress) = (SPEC.child("ingress"), SPEC.child("egress"));
    for (index, rule) in policy.spec.ingress.iter().enumerate() {
        peer_warnings(&rule.from, &ingress.index(index).child("from"), &mut warnings);
    }
    for (index, rule) in policy.spec.egress.iter().enumerate() {
        peer_warnings(&rule.to, &egress.index(index).child("to"), &mut warnings);
    }
    warnings
}

fn peer_warnings(peers: &[NetworkPolicyPeer], path: &Path<'_>, warnings: &mut Vec<String>) {
    for (index, peer) in peers.iter().enumerate() {
        let Some(block) = &peer.ip_block else {
            continue;
        };
        let path = path.index(index);
        let path = path.child("ipBlock");
        warnings.extend(cidr_warnings(&path.child("cidr"), &block.cidr));
        let except = path.child("except");
        for (index, cidr) in block.except.iter().enumerate() {
            warnings.extend(cidr_warnings(&except.index(index), cidr));
        }
    }
}
