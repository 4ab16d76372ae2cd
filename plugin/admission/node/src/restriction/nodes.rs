//! Nodes, as kubelets write them.

use apimachinery::status::StatusError;
use apiserver::admission::Operation;
use k8s_api::{Map, core::v1::Node};

use super::{Write, labels};

pub(super) fn judge(write: &Write<'_>) -> Result<(), StatusError> {
    let (node, name) = (write.node, write.attributes.name);
    // A node that is created may be named by its object alone.
    let object_name = write.object.map_or("", |object| object.metadata().name.as_str());
    let name = if name.is_empty() { object_name } else { name };
    if name != node {
        return Err(write.refuse(format!("node {node:?} is not allowed to modify node {name:?}")));
    }
    match write.attributes.operation {
        Operation::Create => judge_new(write, write.object_as()?),
        Operation::Update => judge_update(write, write.object_as()?, write.old_as()?),
        Operation::Delete | Operation::Connect => Ok(()),
    }
}

fn judge_new(write: &Write<'_>, new: &Node) -> Result<(), StatusError> {
    let node = write.node;
    if new.spec.config_source.is_some() {
        let reason = format!("node {node:?} is not allowed to create pods with a non-nil configSource");
        return Err(write.refuse(reason));
    }
    let none = Map::new();
    let forbidden = labels::forbidden(&new.metadata.labels, &none);
    if forbidden.is_empty() {
        return Ok(());
    }
    let forbidden = forbidden.join(", ");
    Err(write.refuse(format!(
        "node {node:?} is not allowed to set the following labels: {forbidden}"
    )))
}

fn judge_update(write: &Write<'_>, new: &Node, old: &Node) -> Result<(), StatusError> {
    let node = write.node;
    if new.spec.config_source.is_some() && new.spec.config_source != old.spec.config_source {
        let reason = format!("node {node:?} is not allowed to update configSource to a new non-nil configSource");
        return Err(write.refuse(reason));
    }
    if new.spec.taints != old.spec.taints {
        return Err(write.refuse(format!("node {node:?} is not allowed to modify taints")));
    }
    if new.metadata.owner_references != old.metadata.owner_references {
        return Err(write.refuse(format!("node {node:?} is not allowed to modify ownerReferences")));
    }
    let forbidden = labels::forbidden(&new.metadata.labels, &old.metadata.labels);
    if forbidden.is_empty() {
        return Ok(());
    }
    let forbidden = forbidden.join(", ");
    Err(write.refuse(format!("is not allowed to modify labels: {forbidden}")))
}
