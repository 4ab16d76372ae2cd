//! Node selectors, required and preferred node affinity, and the affinity that the configuration adds.

use std::collections::BTreeSet;
use std::sync::Arc;

use apimachinery::field::Path;
use k8s_api::core::v1::{Node, NodeSelectorTerm};
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::node_selector::{NodeSelector, PreferredTerms};
use scheduler_framework::plugin::{
    Filter, Plugin, PreFilter, PreFiltered, PreScore, Score, ScoreContext, ScoreExtensions, normalize_by_max,
};
use scheduler_framework::{
    Code, CycleState, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status, extension_points, names,
};

use crate::PluginContext;

const REASON: &str = "node(s) didn't match Pod's node affinity/selector";
const REASON_ADDED: &str = "node(s) didn't match scheduler-enforced node affinity";
const REASON_CONFLICT: &str = "pod affinity terms conflict";

/// The plugin.
#[derive(Debug, Default)]
pub struct NodeAffinity {
    added_required: Option<NodeSelector>,
    added_preferred: Option<PreferredTerms>,
}

pub(crate) fn new(args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let Some(PluginArgs::NodeAffinity(args)) = args else {
        return Ok(Arc::new(NodeAffinity::default()));
    };
    let Some(added) = args.added_affinity.0.as_deref() else {
        return Ok(Arc::new(NodeAffinity::default()));
    };
    let mut plugin = NodeAffinity::default();
    if let Some(required) = added.required_during_scheduling_ignored_during_execution.as_deref() {
        let (selector, errors) = NodeSelector::lenient(required, &Path::NIL);
        if let Err(errors) = errors.into_result() {
            return Err(format!(
                "parsing addedAffinity.requiredDuringSchedulingIgnoredDuringExecution: {errors}"
            ));
        }
        plugin.added_required = Some(selector);
    }
    let preferred = &added.preferred_during_scheduling_ignored_during_execution;
    if !preferred.is_empty() {
        let terms = PreferredTerms::new(preferred, &Path::NIL).map_err(|errors| {
            format!("parsing addedAffinity.preferredDuringSchedulingIgnoredDuringExecution: {errors}")
        })?;
        plugin.added_preferred = Some(terms);
    }
    Ok(Arc::new(plugin))
}

/// The nodes that a term names; `None` if it names none.
fn named(term: &NodeSelectorTerm) -> Option<BTreeSet<String>> {
    let mut names: Option<BTreeSet<String>> = None;
    for field in &term.match_fields {
        if field.key == "metadata.name" && field.operator == "In" {
            let values: BTreeSet<String> = field.values.iter().cloned().collect();
            names = Some(match names {
                None => values,
                Some(names) => names.intersection(&values).cloned().collect(),
            });
        }
    }
    names
}

impl NodeAffinity {
    fn fits(&self, pod: &PodInfo, node: &Node) -> bool {
        self.added_required.as_ref().is_none_or(|added| added.matches(node))
            && pod
                .required_node_affinity
                .as_ref()
                .is_none_or(|required| required.matches(node))
    }

    fn after_node(&self, pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
        let Some(change) = objects.node() else {
            return QueueingHint::Queue;
        };
        let fits = |node: &Arc<Node>| self.fits(pod, node);
        let before = change.old.as_ref().is_some_and(fits);
        let after = change.new.as_ref().is_some_and(fits);
        (after && !before).into()
    }
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        names::NODE_AFFINITY
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter, as_pre_score: PreScore, as_score: Score);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![EventHint::when(
            EventResource::Node,
            ActionType::ADD | ActionType::UPDATE_NODE_LABEL,
            move |pod, objects| self.after_node(pod, objects),
        )])
    }
}

impl PreFilter for NodeAffinity {
    fn pre_filter(&self, _state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        if pod.required_node_affinity.is_none() && self.added_required.is_none() {
            return PreFiltered::Skip;
        }
        let affinity = pod.pod.spec.affinity.as_deref();
        let affinity = affinity.and_then(|affinity| affinity.node_affinity.as_deref());
        let required =
            affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_deref());
        let Some(required) = required.filter(|required| !required.node_selector_terms.is_empty()) else {
            return PreFiltered::AllNodes;
        };
        let mut all = BTreeSet::new();
        for term in &required.node_selector_terms {
            match named(term) {
                None => return PreFiltered::AllNodes,
                Some(names) => all.extend(names),
            }
        }
        if all.is_empty() {
            return PreFiltered::Failed(Status::fixed(Code::UnschedulableAndUnresolvable, REASON_CONFLICT));
        }
        PreFiltered::Nodes(all)
    }
}

impl Filter for NodeAffinity {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        let node = &node.node;
        if self.added_required.as_ref().is_some_and(|added| !added.matches(node)) {
            return Status::fixed(Code::UnschedulableAndUnresolvable, REASON_ADDED);
        }
        let required = pod.required_node_affinity.as_ref();
        if required.is_some_and(|required| !required.matches(node)) {
            return Status::fixed(Code::UnschedulableAndUnresolvable, REASON);
        }
        Status::SUCCESS
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl PreScore for NodeAffinity {
    fn pre_score(&self, _state: &mut CycleState, pod: &PodInfo, _nodes: &Feasible<'_>, _snapshot: &Snapshot) -> Status {
        match &pod.preferred_node_affinity {
            Some(Err(error)) => Status::error(error),
            None if self.added_preferred.is_none() => Status::SKIP,
            _ => Status::SUCCESS,
        }
    }
}

impl Score for NodeAffinity {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let own = context.pod.preferred_node_affinity.as_ref();
        let own = own.and_then(|terms| terms.as_ref().ok());
        for (node, score) in nodes.iter().zip(scores) {
            let terms = self.added_preferred.iter().chain(own);
            *score = terms.map(|terms| terms.score(&node.node)).sum();
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

impl ScoreExtensions for NodeAffinity {
    fn normalize(&self, _context: ScoreContext<'_>, _nodes: &Feasible<'_>, scores: &mut [i64]) -> Result<(), Status> {
        normalize_by_max(MAX_NODE_SCORE, false, scores);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter_all, node, node_change, pod, scores};
    use serde_json::{Value, json};

    fn required(terms: Value) -> PodInfo {
        pod(json!({"spec": {"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}}))
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    fn one(pod: &PodInfo) -> Status {
        let node = node(json!({"metadata": {"name": "n", "labels": {"k": "v", "n": "5"}}}));
        match filter_all(Arc::new(NodeAffinity::default()), pod, &[node]) {
            Ok(statuses) => statuses[0].clone(),
            Err(PreFiltered::Skip) => Status::SKIP,
            Err(PreFiltered::Failed(status)) => status,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn requirements() {
        let no = || Status::unresolvable(REASON);
        let name = |operator: &str, value: &str| json!([{"matchFields": [{"key": "metadata.name", "operator": operator, "values": [value]}]}]);
        for (what, pod, expected) in [
            ("nothing", pod(json!({})), Status::SKIP),
            (
                "selector",
                pod(json!({"spec": {"nodeSelector": {"k": "v"}}})),
                Status::SUCCESS,
            ),
            (
                "other selector",
                pod(json!({"spec": {"nodeSelector": {"k": "w"}}})),
                no(),
            ),
            (
                "in",
                required(json!([expression("k", "In", &["v", "w"])])),
                Status::SUCCESS,
            ),
            (
                "greater",
                required(json!([expression("n", "Gt", &["4"])])),
                Status::SUCCESS,
            ),
            ("not less", required(json!([expression("n", "Lt", &["5"])])), no()),
            (
                "absent",
                required(json!([expression("x", "DoesNotExist", &[])])),
                Status::SUCCESS,
            ),
            (
                "malformed term holds nowhere",
                required(json!([expression("k", "In", &[])])),
                no(),
            ),
            (
                "one of two",
                required(json!([expression("k", "In", &["w"]), expression("k", "Exists", &[])])),
                Status::SUCCESS,
            ),
            ("empty term holds nowhere", required(json!([{}])), no()),
            ("no terms", required(json!([])), no()),
            ("by name", required(name("In", "n")), Status::SUCCESS),
            ("not by name", required(name("NotIn", "n")), no()),
        ] {
            assert_eq!(one(&pod), expected, "{what}");
        }
    }

    #[test]
    fn names_narrow_the_search() {
        let field = |names: &[&str]| json!({"key": "metadata.name", "operator": "In", "values": names});
        let pre =
            |pod: &PodInfo| NodeAffinity::default().pre_filter(&mut CycleState::default(), pod, &Snapshot::default());
        let two = required(json!([{"matchFields": [field(&["a"])]}, {"matchFields": [field(&["b"])]}]));
        assert!(matches!(pre(&two), PreFiltered::Nodes(names) if names.iter().eq(["a", "b"])));
        let conflict = required(json!([{"matchFields": [field(&["a"]), field(&["b"])]}]));
        assert!(matches!(pre(&conflict), PreFiltered::Failed(status) if status.message() == REASON_CONFLICT));
        let open = required(json!([{"matchFields": [field(&["a"])]}, expression("k", "Exists", &[])]));
        assert!(matches!(pre(&open), PreFiltered::AllNodes));
    }

    #[test]
    fn preferences_score() {
        let pod = pod(
            json!({"spec": {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 2, "preference": expression("a", "Exists", &[])},
            {"weight": 4, "preference": expression("b", "Exists", &[])}]}}}}),
        );
        let labelled = |labels: Value| node(json!({"metadata": {"name": labels.to_string(), "labels": labels}}));
        let nodes = [
            labelled(json!({})),
            labelled(json!({"a": ""})),
            labelled(json!({"a": "", "b": ""})),
            labelled(json!({"b": ""})),
        ];
        assert_eq!(
            scores(Arc::new(NodeAffinity::default()), &pod, &nodes),
            [0, 33, 100, 66]
        );
    }

    #[test]
    fn hints() {
        let pod = pod(json!({"spec": {"nodeSelector": {"k": "v"}}}));
        let plugin = NodeAffinity::default();
        let labels = |value: &str| json!({"metadata": {"labels": {"k": value}}});
        for (name, old, new, expected) in [
            ("new and right", None, labels("v"), QueueingHint::Queue),
            ("new and wrong", None, labels("w"), QueueingHint::Skip),
            ("became right", Some(labels("w")), labels("v"), QueueingHint::Queue),
            ("was right", Some(labels("v")), labels("v"), QueueingHint::Skip),
        ] {
            assert_eq!(
                plugin.after_node(&pod, &node_change(old.as_ref(), Some(&new))),
                expected,
                "{name}"
            );
        }
    }
}
