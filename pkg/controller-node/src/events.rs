//! Events about nodes. They name the node's UID and no namespace.

use client_go::events::{EventRecorder, EventType};
use k8s_api::core::v1::{Node, ObjectReference};

fn reference(node: &Node) -> ObjectReference {
    ObjectReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.metadata.name.clone(),
        uid: node.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Tells what happened to a node.
pub(crate) fn node_event(recorder: &EventRecorder, node: &Node, reason: &str, event: &str) {
    let note = format!("Node {} event: {event}", node.metadata.name);
    recorder.event_for(reference(node), None, EventType::Normal, reason, "", note);
}

/// Tells that a node is in another state.
pub(crate) fn node_status(recorder: &EventRecorder, node: &Node, status: &str) {
    let note = format!("Node {} status is now: {status}", node.metadata.name);
    recorder.event_for(reference(node), None, EventType::Normal, status, "", note);
}
