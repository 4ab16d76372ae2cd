//! The topology of endpoints, a member that only a version that is gone could write.

use std::collections::HashSet;

use apimachinery::names;
use k8s_api::discovery::v1::EndpointSlice;

const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";

/// Drops the topology of endpoints that are new or changed.
///
/// The name of the node that it held in the old slice becomes `nodeName`, so that a client that
/// sends back what it read does not lose it.
pub fn drop_topology(new: &mut EndpointSlice, old: Option<&EndpointSlice>) {
    if old.is_some_and(|old| old.endpoints == new.endpoints) {
        return;
    }
    let before: HashSet<&str> = old
        .into_iter()
        .flat_map(|old| &old.endpoints)
        .filter_map(|endpoint| endpoint.deprecated_topology.get(HOSTNAME_LABEL))
        .filter(|name| !name.is_empty())
        .map(String::as_str)
        .collect();
    for endpoint in &mut new.endpoints {
        let node = endpoint.deprecated_topology.remove(HOSTNAME_LABEL);
        if endpoint.node_name.is_none() {
            endpoint.node_name =
                node.filter(|name| before.contains(name.as_str()) && names::dns1123_subdomain(name).is_empty());
        }
        endpoint.deprecated_topology.clear();
    }
}
