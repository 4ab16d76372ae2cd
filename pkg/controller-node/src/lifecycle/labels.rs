//! The old labels of operating system and architecture follow the new ones.

use client_go::api::Patch;
use client_go::{Client, Error};
use k8s_api::core::v1::Node;
use serde_json::{Map, Value, json};

/// The label that counts, and the one that follows it.
const PAIRS: [(&str, &str); 2] = [
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
];

/// The labels that a node's other labels call for.
pub(super) fn missing(node: &Node) -> Map<String, Value> {
    let labels = &node.metadata.labels;
    let wanted = PAIRS.into_iter().filter_map(|(first, second)| {
        let value = labels.get(first)?;
        (labels.get(second) != Some(value)).then(|| (second.to_owned(), value.as_str().into()))
    });
    wanted.collect()
}

/// Sets them.
///
/// # Errors
/// See [`Error`].
pub(super) async fn reconcile(client: &Client, node: &Node) -> Result<(), Error> {
    let labels = missing(node);
    if labels.is_empty() {
        return Ok(());
    }
    let patch = Patch::Strategic(json!({"metadata": {"labels": labels}}));
    client
        .cluster::<Node>()
        .patch(&node.metadata.name, &patch)
        .await
        .map(drop)
}
