//! What the plugins' tests share.

use std::sync::Arc;

use k8s_api::Kind as _;
use k8s_api::core::v1::{Node, Pod};
use scheduler_framework::events::{Change, EventObjects};
use scheduler_framework::node_info::{ImageState, ImageStates};
use scheduler_framework::plugin::{Filter, Plugin, PreFiltered, ScoreContext};
use scheduler_framework::{CycleState, Feasible, NodeInfo, PodInfo, PodOptions, Snapshot, Status};
use serde_json::Value;

pub(crate) fn pod(value: Value) -> PodInfo {
    let mut pod = Pod::from_value(value).expect("a pod");
    if pod.metadata.uid.is_empty() {
        pod.metadata.uid.clone_from(&pod.metadata.name);
    }
    let options = PodOptions {
        pod_level_resources: true,
        toleration_comparison: false,
    };
    PodInfo::new(Arc::new(pod), options)
}

pub(crate) fn node(value: Value) -> NodeInfo {
    let mut info = NodeInfo::new(0);
    info.set_node(Arc::new(Node::from_value(value).expect("a node")));
    info
}

pub(crate) fn node_with_images(name: &str, images: &[(&str, Arc<ImageState>)]) -> NodeInfo {
    let mut info = node(serde_json::json!({"metadata": {"name": name}}));
    let images: ImageStates = images
        .iter()
        .map(|(name, state)| (Arc::from(*name), state.clone()))
        .collect();
    info.images = Arc::new(images);
    info
}

/// Runs one node's Filter on a snapshot of that node alone, after PreFilter if the plugin has that.
pub(crate) fn filter(plugin: &impl Filter, pod: &PodInfo, node: &NodeInfo) -> Status {
    plugin.filter(&CycleState::default(), pod, node)
}

/// Runs PreFilter, then Filter on every node.
pub(crate) fn filter_all(
    plugin: Arc<dyn Plugin>,
    pod: &PodInfo,
    nodes: &[NodeInfo],
) -> Result<Vec<Status>, PreFiltered> {
    let snapshot = Snapshot::of(nodes.iter().cloned());
    let mut state = CycleState::default();
    if let Some(pre_filter) = plugin.clone().as_pre_filter() {
        match pre_filter.pre_filter(&mut state, pod, &snapshot) {
            PreFiltered::AllNodes | PreFiltered::Nodes(_) => {}
            other => return Err(other),
        }
    }
    let filter = plugin.as_filter().expect("the plugin filters");
    Ok(snapshot.nodes().map(|node| filter.filter(&state, pod, node)).collect())
}

/// Runs PreScore, Score and normalisation on all nodes; empty if the plugin skips.
pub(crate) fn scores(plugin: Arc<dyn Plugin>, pod: &PodInfo, nodes: &[NodeInfo]) -> Vec<i64> {
    let snapshot = Snapshot::of(nodes.iter().cloned());
    scores_of(plugin, pod, &snapshot)
}

pub(crate) fn scores_of(plugin: Arc<dyn Plugin>, pod: &PodInfo, snapshot: &Snapshot) -> Vec<i64> {
    let mut state = CycleState::default();
    let nodes = Feasible::new(snapshot, snapshot.order());
    if let Some(pre_score) = plugin.clone().as_pre_score() {
        let status = pre_score.pre_score(&mut state, pod, &nodes, snapshot);
        if status.is_skip() {
            return Vec::new();
        }
        assert!(status.is_success(), "{status}");
    }
    let context = ScoreContext {
        state: &state,
        pod,
        snapshot,
    };
    let score = plugin.as_score().expect("the plugin scores");
    let mut scores = vec![0; nodes.len()];
    score.score(context, nodes.nodes(), &mut scores).expect("scores");
    if let Some(extensions) = score.extensions() {
        extensions.normalize(context, &nodes, &mut scores).expect("normalises");
    }
    scores
}

pub(crate) fn node_change(old: Option<&Value>, new: Option<&Value>) -> EventObjects {
    let node = |value: &Value| Arc::new(Node::from_value(value.clone()).expect("a node"));
    EventObjects::Node(Change {
        old: old.map(node),
        new: new.map(node),
    })
}

pub(crate) fn pod_change(old: Option<PodInfo>, new: Option<PodInfo>) -> EventObjects {
    EventObjects::Pod(Change {
        old: old.map(Arc::new),
        new: new.map(Arc::new),
    })
}

pub(crate) fn deleted(pod: PodInfo) -> EventObjects {
    pod_change(Some(pod), None)
}
