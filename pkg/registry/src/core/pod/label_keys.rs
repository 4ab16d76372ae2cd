//! Selectors made of the pod's own labels: `matchLabelKeys` of affinity and of spreading.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    Map,
    core::v1::{Pod, PodAffinityTerm, WeightedPodAffinityTerm},
    meta::v1::{LabelSelector, LabelSelectorRequirement},
};

fn merge(selector: &mut LabelSelector, keys: &[String], operator: &str, labels: &Map<String>) {
    let requirements = keys.iter().filter_map(|key| {
        Some(LabelSelectorRequirement {
            key: key.clone(),
            operator: operator.into(),
            values: vec![labels.get(key)?.clone()],
        })
    });
    selector.match_expressions.extend(requirements);
}

fn merge_into_term(term: &mut PodAffinityTerm, labels: &Map<String>) {
    if let Some(selector) = &mut term.label_selector {
        merge(selector, &term.match_label_keys, "In", labels);
        merge(selector, &term.mismatch_label_keys, "NotIn", labels);
    }
}

/// Writes the selectors that the keys stand for into those of the spec. Without a selector there is
/// nothing to narrow down: it matches no pod.
pub(super) fn merge_label_keys(pod: &mut Pod, gates: &FeatureGates) {
    let labels = &pod.metadata.labels;
    if let Some(affinity) = &mut pod.spec.affinity {
        let all = |preferred: &mut [WeightedPodAffinityTerm], required: &mut [PodAffinityTerm]| {
            for weighted in preferred {
                merge_into_term(&mut weighted.pod_affinity_term, labels);
            }
            for term in required {
                merge_into_term(term, labels);
            }
        };
        if let Some(to) = &mut affinity.pod_affinity {
            all(
                &mut to.preferred_during_scheduling_ignored_during_execution,
                &mut to.required_during_scheduling_ignored_during_execution,
            );
        }
        if let Some(from) = &mut affinity.pod_anti_affinity {
            all(
                &mut from.preferred_during_scheduling_ignored_during_execution,
                &mut from.required_during_scheduling_ignored_during_execution,
            );
        }
    }
    if gates.enabled(Feature::MatchLabelKeysInPodTopologySpread)
        && gates.enabled(Feature::MatchLabelKeysInPodTopologySpreadSelectorMerge)
    {
        for constraint in &mut pod.spec.topology_spread_constraints {
            if let Some(selector) = &mut constraint.label_selector {
                merge(selector, &constraint.match_label_keys, "In", labels);
            }
        }
    }
}
