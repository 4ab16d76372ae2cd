//! Pods: tolerations that all daemons have, the node that each is pinned to, and the labels of their template.

use controller::workload::history::REVISION_LABEL;
use k8s_api::apps::v1::DaemonSet;
use k8s_api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec,
    Toleration,
};

/// The annotation with the template's generation, from before revisions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
/// The label of pods with the generation of their template.
const GENERATION_LABEL: &str = "pod-template-generation";
const NAME_FIELD: &str = "metadata.name";

/// What daemons tolerate, so that a node's troubles do not drive them away.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// What only those tolerate that need no pod network.
const NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

pub(super) fn add_tolerations(spec: &mut PodSpec) {
    let network = spec.host_network.then_some(NETWORK);
    for (key, effect) in TOLERATED.into_iter().chain(network) {
        let toleration = Toleration {
            key: key.to_owned(),
            operator: "Exists".to_owned(),
            effect: effect.to_owned(),
            ..Toleration::default()
        };
        let same = |present: &&mut Toleration| {
            present.key == toleration.key
                && present.effect == toleration.effect
                && present.operator == toleration.operator
                && present.value == toleration.value
        };
        match spec.tolerations.iter_mut().find(same) {
            Some(present) => *present = toleration,
            None => spec.tolerations.push(toleration),
        }
    }
}

/// The generation of a set's template, if it says one.
pub(super) fn generation(set: &DaemonSet) -> Option<i64> {
    set.metadata.annotations.get(TEMPLATE_GENERATION)?.parse().ok()
}

/// The template with what all pods of the set have.
pub(super) fn pod_template(set: &DaemonSet, hash: &str) -> PodTemplateSpec {
    let mut template = set.spec.template.clone();
    add_tolerations(&mut template.spec);
    let labels = &mut template.metadata.labels;
    if let Some(generation) = generation(set) {
        labels.insert(GENERATION_LABEL.to_owned(), generation.to_string());
    }
    labels.insert(REVISION_LABEL.to_owned(), hash.to_owned());
    template
}

/// Whether a pod was made from the present template.
pub(super) fn is_updated(set: &DaemonSet, hash: &str, pod: &Pod) -> bool {
    let label = |name: &str| pod.metadata.labels.get(name).map(String::as_str);
    label(REVISION_LABEL) == Some(hash)
        || generation(set).is_some_and(|generation| label(GENERATION_LABEL) == Some(generation.to_string().as_str()))
}

/// Pins a pod to a node: by affinity, so that the scheduler still has its say.
pub(super) fn pin(spec: &mut PodSpec, node: &str) {
    let affinity: &mut Affinity = spec.affinity.get_or_insert_default();
    let node_affinity: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    let selector: &mut NodeSelector = node_affinity
        .required_during_scheduling_ignored_during_execution
        .get_or_insert_default();
    selector.node_selector_terms = vec![NodeSelectorTerm {
        match_fields: vec![NodeSelectorRequirement {
            key: NAME_FIELD.to_owned(),
            operator: "In".to_owned(),
            values: vec![node.to_owned()],
        }],
        ..NodeSelectorTerm::default()
    }];
}

/// The node that a pod is on, or pinned to.
pub(super) fn target_node(pod: &Pod) -> Option<&str> {
    if !pod.spec.node_name.is_empty() {
        return Some(&pod.spec.node_name);
    }
    let affinity = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?;
    affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?
        .node_selector_terms
        .iter()
        .flat_map(|term| &term.match_fields)
        .find(|field| field.key == NAME_FIELD && field.operator == "In")
        .and_then(|field| match field.values.as_slice() {
            [node] => Some(node.as_str()),
            _ => None,
        })
}
