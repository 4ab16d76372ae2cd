//! Nodes: readiness, conditions, taints.

use std::time::Duration;

use client_go::api::{GetOptions, Patch};
use client_go::{Client, Error};
use k8s_api::core::v1::{Node, NodeCondition, NodeStatus, Taint, Toleration};
use k8s_api::primitives::Time;
use serde_json::json;

use crate::retry_on_conflict;

/// The condition of a type.
#[must_use]
pub fn condition<'n>(status: &'n NodeStatus, type_: &str) -> Option<&'n NodeCondition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the node is ready.
#[must_use]
pub fn is_ready(node: &Node) -> bool {
    condition(&node.status, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Whether two taints are the same thing: key and effect.
#[must_use]
pub fn same_taint(a: &Taint, b: &Taint) -> bool {
    a.key == b.key && a.effect == b.effect
}

/// Whether the node has a taint of this key and effect.
#[must_use]
pub fn has_taint(node: &Node, taint: &Taint) -> bool {
    node.spec.taints.iter().any(|present| same_taint(present, taint))
}

/// Whether the node has a taint with this key.
#[must_use]
pub fn has_taint_key(node: &Node, key: &str) -> bool {
    node.spec.taints.iter().any(|taint| taint.key == key)
}

/// Whether the toleration covers the taint. The numeric operators are behind a gate that is off, and cover nothing.
#[must_use]
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    if !toleration.effect.is_empty() && toleration.effect != taint.effect {
        return false;
    }
    if !toleration.key.is_empty() && toleration.key != taint.key {
        return false;
    }
    match toleration.operator.as_str() {
        "" | "Equal" => toleration.value == taint.value,
        "Exists" => true,
        _ => false,
    }
}

/// What [`swap_taints`] does to a list of taints, with whether it changed.
#[must_use]
pub fn swapped(present: &[Taint], add: &[Taint], remove: &[Taint], now: Time) -> Option<Vec<Taint>> {
    let mut taints: Vec<Taint> = present
        .iter()
        .filter(|taint| !remove.iter().any(|gone| same_taint(gone, taint)))
        .cloned()
        .collect();
    let mut changed = taints.len() != present.len();
    for taint in add {
        match taints.iter_mut().find(|present| same_taint(present, taint)) {
            Some(present) if present.value == taint.value => {}
            Some(present) => {
                present.value.clone_from(&taint.value);
                present.time_added = Some(now);
                changed = true;
            }
            None => {
                taints.push(Taint {
                    time_added: Some(now),
                    ..taint.clone()
                });
                changed = true;
            }
        }
    }
    changed.then_some(taints)
}

/// Adds and removes taints of a node; nothing is written when all is as wanted. Races with others are retried.
///
/// # Errors
/// See [`Error`].
pub async fn swap_taints(client: &Client, name: &str, add: &[Taint], remove: &[Taint]) -> Result<(), Error> {
    // The first look may be at the server's cache; a conflict calls for the truth.
    let mut version = "0";
    retry_on_conflict(5, Duration::from_millis(100), || {
        let options = GetOptions {
            resource_version: std::mem::take(&mut version).to_owned(),
        };
        swap_taints_once(client, name, options, add, remove)
    })
    .await
}

async fn swap_taints_once(
    client: &Client,
    name: &str,
    options: GetOptions,
    add: &[Taint],
    remove: &[Taint],
) -> Result<(), Error> {
    let api = client.cluster::<Node>();
    let node = api.get_with(name, &options).await?;
    let Some(taints) = swapped(&node.spec.taints, add, remove, Time::now()) else {
        return Ok(());
    };
    let taints: Vec<_> = taints.iter().map(taint_json).collect();
    let patch = json!({
        "metadata": {"resourceVersion": node.metadata.resource_version},
        "spec": {"taints": taints},
    });
    api.patch(name, &Patch::Merge(patch)).await.map(drop)
}

fn taint_json(taint: &Taint) -> serde_json::Value {
    let mut value = json!({"key": taint.key, "effect": taint.effect});
    if !taint.value.is_empty() {
        value["value"] = taint.value.as_str().into();
    }
    if let Some(time) = taint.time_added {
        value["timeAdded"] = time.to_string().into();
    }
    value
}
