//! The node's API object: made, or found and put right.

use client_go::api::WriteOptions;
use client_go::{Client, Error};
use k8s_api::Kind;
use k8s_api::core::v1::{Node, Taint};

use crate::reporter::NodeOptions;
use crate::status::architecture;

/// The annotation that leaves attaching volumes to the controller.
const ATTACH_DETACH: &str = "volumes.kubernetes.io/controller-managed-attach-detach";
const PROVIDED_ADDRESS: &str = "alpha.kubernetes.io/provided-node-ip";
const CLOUD_TAINT: &str = "node.cloudprovider.kubernetes.io/uninitialized";

/// Labels that a node that is there already is given again.
const DEFAULT_LABELS: [&str; 11] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];

/// The node as it registers itself, without its status.
pub(crate) fn initial(options: &NodeOptions) -> Node {
    let mut node = Node::default();
    node.metadata.name.clone_from(&options.name);
    let labels = &mut node.metadata.labels;
    labels.insert("kubernetes.io/hostname", options.hostname.clone());
    for key in ["kubernetes.io/os", "beta.kubernetes.io/os"] {
        labels.insert(key, "linux".to_owned());
    }
    for key in ["kubernetes.io/arch", "beta.kubernetes.io/arch"] {
        labels.insert(key, architecture().to_owned());
    }
    for (key, value) in &options.labels {
        labels.insert(key.clone(), value.clone());
    }
    if options.attach_detach {
        node.metadata.annotations.insert(ATTACH_DETACH, "true".to_owned());
    }
    let specified: Vec<_> = options
        .node_ips
        .iter()
        .filter(|ip| !ip.is_unspecified())
        .map(ToString::to_string)
        .collect();
    if options.external_cloud && !specified.is_empty() {
        node.metadata.annotations.insert(PROVIDED_ADDRESS, specified.join(","));
    }
    node.spec.taints.clone_from(&options.taints);
    if options.external_cloud {
        node.spec.taints.push(Taint {
            key: CLOUD_TAINT.to_owned(),
            value: "true".to_owned(),
            effect: "NoSchedule".to_owned(),
            time_added: None,
        });
    }
    node.spec.provider_id.clone_from(&options.provider_id);
    node
}

/// Makes the node's object, or puts the one that is there right.
///
/// # Errors
/// The server's.
pub(crate) async fn try_register(client: &Client, node: Node) -> Result<Node, Error> {
    let api = client.cluster::<Node>();
    match api.create(&node).await {
        // A kubelet that may not create its node may still have one.
        Err(error) if error.is_already_exists() || error.is_forbidden() => {}
        other => return other,
    }
    let existing = api.get(&node.metadata.name).await?;
    tracing::info!(node = node.metadata.name, "Node was previously registered");
    let mut wanted = existing.clone();
    reconcile(&node, &mut wanted);
    if wanted == existing {
        return Ok(existing);
    }
    patch(client, &existing, &wanted).await
}

/// Gives a node that is there already the labels, the annotation and the resources of this kubelet.
fn reconcile(node: &Node, existing: &mut Node) {
    for key in DEFAULT_LABELS {
        let Some(value) = node.metadata.labels.get(key) else {
            continue;
        };
        if value.is_empty() {
            existing.metadata.labels.remove(key);
        } else {
            existing.metadata.labels.insert(key, value.clone());
        }
    }
    match node.metadata.annotations.get(ATTACH_DETACH) {
        Some(value) => drop(existing.metadata.annotations.insert(ATTACH_DETACH, value.clone())),
        None => drop(existing.metadata.annotations.remove(ATTACH_DETACH)),
    }
    for (own, there) in [
        (&node.status.capacity, &mut existing.status.capacity),
        (&node.status.allocatable, &mut existing.status.allocatable),
    ] {
        let gone: Vec<_> = there
            .iter()
            .filter(|(name, _)| name.starts_with("hugepages-") && !own.contains_key(name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            there.remove(&name);
        }
        for (name, amount) in own.iter().filter(|(name, _)| name.starts_with("hugepages-")) {
            there.insert(name.clone(), amount.clone());
        }
    }
}

/// Writes what differs between two states of a node to its status.
///
/// # Errors
/// The server's.
pub(crate) async fn patch(client: &Client, before: &Node, after: &Node) -> Result<Node, Error> {
    let (mut old, mut new) = (before.to_value(), after.to_value());
    for value in [&mut old, &mut new] {
        if let Some(members) = value.as_object_mut() {
            members.remove("spec");
        }
    }
    let patch = apimachinery::strategic::create_two_way_merge_patch(
        old,
        new,
        k8s_api::builtin_schema().at(Node::type_id()),
        &[],
    );
    let mut patch = patch.map_err(|error| Error::Invalid(error.to_string()))?;
    if before.status.addresses != after.status.addresses {
        // Addresses are merged by their type, of which there may be several.
        let mut addresses = vec![serde_json::json!({"$patch": "replace"})];
        let shown = |it: &k8s_api::core::v1::NodeAddress| serde_json::json!({"type": it.type_, "address": it.address});
        addresses.extend(after.status.addresses.iter().map(shown));
        patch["status"]["addresses"] = addresses.into();
        if let Some(status) = patch["status"].as_object_mut() {
            status.remove("$setElementOrder/addresses");
        }
    }
    let patch = client_go::api::Patch::Strategic(patch);
    let api = client.cluster::<Node>();
    api.patch_with(&before.metadata.name, Some("status"), &patch, &WriteOptions::default())
        .await
}
