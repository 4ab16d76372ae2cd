//! What `kubectl get nodes` shows.

use std::collections::BTreeSet;

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::Node;

use crate::printing::{AGE, NAME, NONE, UNKNOWN, age, column, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string"),
    column("Roles", "string"),
    AGE,
    column("Version", "string"),
    wide("Internal-IP", "string"),
    wide("External-IP", "string"),
    wide("OS-Image", "string"),
    wide("Kernel-Version", "string"),
    wide("Container-Runtime", "string"),
];

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

/// The cells of a node.
#[must_use]
pub fn row(node: &Node, now: jiff::Timestamp) -> Row {
    let info = &node.status.node_info;
    let or_unknown = |text: &str| {
        if text.is_empty() {
            UNKNOWN.to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut kernel = or_unknown(&info.kernel_version);
    if !info.architecture.is_empty() {
        kernel = format!("{kernel} ({})", info.architecture);
    }
    vec![
        node.metadata.name.as_str().into(),
        status(node).into(),
        roles(node).into(),
        age(node.metadata.creation_timestamp, now).into(),
        info.kubelet_version.as_str().into(),
        address(node, "InternalIP").into(),
        address(node, "ExternalIP").into(),
        or_unknown(&info.os_image).into(),
        kernel.into(),
        or_unknown(&info.container_runtime_version).into(),
    ]
}

fn status(node: &Node) -> String {
    let ready = node
        .status
        .conditions
        .iter()
        .rev()
        .find(|condition| condition.type_ == "Ready");
    let mut status = match ready.map(|condition| condition.status.as_str()) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if node.spec.unschedulable {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Node) -> String {
    let role = |(key, value): (&String, &String)| match key.strip_prefix(ROLE_PREFIX) {
        Some(role) => Some(role.to_owned()),
        None => (key == ROLE_LABEL).then(|| value.clone()),
    };
    let roles: BTreeSet<_> = node
        .metadata
        .labels
        .iter()
        .filter_map(role)
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() {
        return NONE.to_owned();
    }
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn address<'a>(node: &'a Node, type_: &str) -> &'a str {
    let mut addresses = node.status.addresses.iter();
    addresses
        .find(|address| address.type_ == type_)
        .map_or(NONE, |address| &address.address)
}
