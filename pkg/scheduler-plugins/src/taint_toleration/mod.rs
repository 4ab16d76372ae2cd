//! Taints: those that keep pods away, and those that had better.

use std::sync::Arc;

use k8s_api::core::v1::Toleration;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, PreScore, Score, ScoreContext, ScoreExtensions, normalize_by_max};
use scheduler_framework::{
    Code, CycleState, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status, extension_points, names, taints,
};

use crate::PluginContext;

const REASON: &str = "node(s) had untolerated taint(s)";

/// The plugin.
#[derive(Debug, Default)]
pub struct TaintToleration {
    comparison: bool,
}

/// The pod's tolerations of taints that had better be heeded.
#[derive(Clone)]
struct Preferences(Arc<[Toleration]>);

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(TaintToleration {
        comparison: context.pod_options().toleration_comparison,
    }))
}

impl TaintToleration {
    fn after_node(&self, pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
        let Some(change) = objects.node() else {
            return QueueingHint::Queue;
        };
        let keeps_away = |node: &Arc<k8s_api::core::v1::Node>| {
            taints::untolerated(&node.spec.taints, &pod.pod.spec.tolerations, self.comparison).is_some()
        };
        let before = change.old.as_ref().is_none_or(keeps_away);
        let after = change.new.as_ref().is_none_or(keeps_away);
        (before && !after).into()
    }
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        names::TAINT_TOLERATION
    }

    extension_points!(as_filter: Filter, as_pre_score: PreScore, as_score: Score);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(
                EventResource::Node,
                ActionType::ADD | ActionType::UPDATE_NODE_TAINT,
                move |pod, objects| self.after_node(pod, objects),
            ),
            EventHint::when(EventResource::Pod, ActionType::UPDATE_POD_TOLERATION, |pod, objects| {
                let changed = objects.pod().and_then(|change| change.new.as_ref());
                changed.is_none_or(|changed| changed.uid() == pod.uid()).into()
            }),
        ])
    }
}

impl Filter for TaintToleration {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        let keeps_away = taints::untolerated(&node.node.spec.taints, &pod.pod.spec.tolerations, self.comparison);
        match keeps_away {
            None => Status::SUCCESS,
            Some(_) => Status::fixed(Code::UnschedulableAndUnresolvable, REASON),
        }
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl PreScore for TaintToleration {
    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, _nodes: &Feasible<'_>, _snapshot: &Snapshot) -> Status {
        let tolerations = pod.pod.spec.tolerations.iter();
        let soft = tolerations.filter(|t| t.effect.is_empty() || t.effect == taints::PREFER_NO_SCHEDULE);
        state.insert(Preferences(soft.cloned().collect()));
        Status::SUCCESS
    }
}

impl Score for TaintToleration {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let tolerations = context.state.get::<Preferences>().map_or(&[][..], |state| &state.0);
        for (node, score) in nodes.iter().zip(scores) {
            let taints = node.node.spec.taints.iter();
            let soft = taints.filter(|taint| taint.effect == taints::PREFER_NO_SCHEDULE);
            let borne = soft.filter(|taint| !taints::any_tolerates(tolerations, taint, self.comparison));
            *score = i64::try_from(borne.count()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    fn extensions(&self) -> Option<&dyn ScoreExtensions> {
        Some(self)
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl ScoreExtensions for TaintToleration {
    fn normalize(&self, _context: ScoreContext<'_>, _nodes: &Feasible<'_>, scores: &mut [i64]) -> Result<(), Status> {
        normalize_by_max(MAX_NODE_SCORE, true, scores);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, node, node_change, pod, scores};
    use serde_json::json;

    fn tainted(name: &str, taints: &[(&str, &str)]) -> NodeInfo {
        let taints: Vec<_> = taints
            .iter()
            .map(|(key, effect)| json!({"key": key, "value": "v", "effect": effect}))
            .collect();
        node(json!({"metadata": {"name": name}, "spec": {"taints": taints}}))
    }

    fn tolerant(key: &str, effect: &str) -> PodInfo {
        pod(json!({"spec": {"tolerations": [{"key": key, "operator": "Exists", "effect": effect}]}}))
    }

    #[test]
    fn hard_taints_keep_pods_away() {
        let plugin = TaintToleration::default();
        let away = Status::unresolvable(REASON);
        for (name, pod, node, expected) in [
            ("no taint", tolerant("x", ""), tainted("n", &[]), Status::SUCCESS),
            (
                "untolerated",
                tolerant("x", ""),
                tainted("n", &[("a", "NoSchedule")]),
                away.clone(),
            ),
            (
                "tolerated",
                tolerant("a", ""),
                tainted("n", &[("a", "NoExecute")]),
                Status::SUCCESS,
            ),
            (
                "other effect",
                tolerant("a", "NoSchedule"),
                tainted("n", &[("a", "NoExecute")]),
                away.clone(),
            ),
            (
                "soft ones do not",
                tolerant("x", ""),
                tainted("n", &[("a", "PreferNoSchedule")]),
                Status::SUCCESS,
            ),
            (
                "one of two",
                tolerant("a", ""),
                tainted("n", &[("a", "NoSchedule"), ("b", "NoSchedule")]),
                away,
            ),
        ] {
            assert_eq!(filter(&plugin, &pod, &node), expected, "{name}");
        }
    }

    #[test]
    fn soft_taints_score() {
        let soft = "PreferNoSchedule";
        let nodes = [
            tainted("none", &[]),
            tainted("one", &[("a", soft)]),
            tainted("two", &[("a", soft), ("b", soft)]),
        ];
        let plugin = Arc::new(TaintToleration::default());
        assert_eq!(scores(plugin.clone(), &tolerant("x", ""), &nodes), [100, 50, 0]);
        assert_eq!(scores(plugin.clone(), &tolerant("a", ""), &nodes), [100, 100, 0]);
        // A toleration of another effect is none of soft taints.
        assert_eq!(
            scores(plugin.clone(), &tolerant("a", "NoSchedule"), &nodes),
            [100, 50, 0]
        );
        assert_eq!(scores(plugin, &tolerant("", ""), &nodes), [100, 100, 100]);
    }

    #[test]
    fn hints() {
        let plugin = TaintToleration::default();
        let pod = tolerant("a", "");
        let taint = |key: &str| json!({"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}});
        for (name, old, new, expected) in [
            ("new, tolerated", None, taint("a"), QueueingHint::Queue),
            ("new, not tolerated", None, taint("b"), QueueingHint::Skip),
            ("taint gone", Some(taint("b")), json!({}), QueueingHint::Queue),
            ("was fine before", Some(json!({})), taint("a"), QueueingHint::Skip),
        ] {
            let objects = node_change(old.as_ref(), Some(&new));
            assert_eq!(plugin.after_node(&pod, &objects), expected, "{name}");
        }
    }
}
