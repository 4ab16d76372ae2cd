//! What the node's object says that the rules depend on: addresses, pod ranges, zone, and whether it takes traffic.

use std::net::IpAddr;
use std::time::Duration;

use client_go::{Client, api::Api};
use ipnet::IpNet;
use k8s_api::core::v1::Node;
use tokio_util::sync::CancellationToken;

/// A taint by which the autoscaler announces that it takes the node away.
const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
/// The label that names the node's zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// The first pause between two looks for the node; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The addresses that the node is reached under: those of type `InternalIP`, or else `ExternalIP`.
pub(crate) fn addresses(node: &Node) -> Vec<IpAddr> {
    let of = |ty: &str| -> Vec<IpAddr> {
        let addresses = node.status.addresses.iter().filter(|address| address.type_ == ty);
        addresses.filter_map(|address| address.address.parse().ok()).collect()
    };
    match of("InternalIP") {
        internal if internal.is_empty() => of("ExternalIP"),
        internal => internal,
    }
}

/// The node's pod ranges.
pub(crate) fn pod_cidrs(node: &Node) -> Vec<IpNet> {
    let listed = node.spec.pod_cidrs.iter().filter_map(|text| text.parse().ok());
    let mut found: Vec<IpNet> = listed.collect();
    if found.is_empty() {
        found.extend(node.spec.pod_cidr.parse::<IpNet>().ok());
    }
    found
}

/// The node's zone; empty for none.
pub(crate) fn zone(node: &Node) -> &str {
    node.metadata.labels.get(ZONE).map_or("", String::as_str)
}

/// Whether load balancers may send traffic here.
pub(crate) fn is_eligible(node: &Node) -> bool {
    node.metadata.deletion_timestamp.is_none() && !node.spec.taints.iter().any(|taint| taint.key == TO_BE_DELETED)
}

/// Waits for the node's object to have what the rules need: an address, and with `pod_cidrs` a pod range. `None` if
/// `stop` came first.
pub(crate) async fn wait_for_node(
    client: &Client,
    name: &str,
    needs_pod_cidr: bool,
    stop: &CancellationToken,
) -> Option<Node> {
    let api: Api<Node> = client.all();
    let mut pause = FIRST_PAUSE;
    loop {
        match api.get(name).await {
            Ok(node) if addresses(&node).is_empty() => tracing::info!(node = name, "the node has no address yet"),
            Ok(node) if needs_pod_cidr && pod_cidrs(&node).is_empty() => {
                tracing::info!(node = name, "the node has no pod range yet");
            }
            Ok(node) => return Some(node),
            Err(error) => tracing::info!(node = name, %error, "Failed to retrieve node info"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_api::Kind as _;
    use serde_json::json;

    use super::*;

    fn node(value: serde_json::Value) -> Node {
        Node::from_value(value).expect("a node")
    }

    #[test]
    fn internal_addresses_come_first() {
        let both = json!({"status": {"addresses": [
            {"type": "ExternalIP", "address": "198.51.100.1"}, {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "fd00::1"}]}});
        let ips: Vec<String> = addresses(&node(both)).iter().map(ToString::to_string).collect();
        assert_eq!(ips, ["10.0.0.1", "fd00::1"]);
        let external = json!({"status": {"addresses": [{"type": "ExternalIP", "address": "198.51.100.1"}]}});
        assert_eq!(addresses(&node(external)).len(), 1);
    }

    #[test]
    fn a_node_that_goes_takes_no_traffic() {
        assert!(is_eligible(&node(json!({}))));
        assert!(!is_eligible(&node(
            json!({"spec": {"taints": [{"key": TO_BE_DELETED, "effect": "NoSchedule"}]}})
        )));
        assert!(!is_eligible(&node(
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
        )));
    }

    #[test]
    fn pod_ranges_come_from_either_field() {
        assert_eq!(pod_cidrs(&node(json!({"spec": {"podCIDR": "10.1.0.0/24"}}))).len(), 1);
        let both = json!({"spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24", "fd00:1::/64"]}});
        assert_eq!(pod_cidrs(&node(both)).len(), 2);
        assert!(pod_cidrs(&node(json!({}))).is_empty());
    }
}
