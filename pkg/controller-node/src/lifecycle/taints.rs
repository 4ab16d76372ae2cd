//! Which taints a node's conditions call for.

use controller_objects::nodes::{has_taint, same_taint};
use k8s_api::core::v1::{Node, Taint};

const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Condition, status, and the taint's key.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

fn taint(key: &str, effect: &str) -> Taint {
    Taint {
        key: key.to_owned(),
        effect: effect.to_owned(),
        ..Taint::default()
    }
}

/// The taint that evicts from a node that says it is not ready.
pub(super) fn not_ready() -> Taint {
    taint(NOT_READY, NO_EXECUTE)
}

/// The taint that evicts from a node that says nothing.
pub(super) fn unreachable() -> Taint {
    taint(UNREACHABLE, NO_EXECUTE)
}

/// The taint that evicts for this status of `Ready`, and the other one; none while the node is ready.
pub(super) fn evicting(ready: &str) -> Option<(Taint, Taint)> {
    match ready {
        "False" => Some((not_ready(), unreachable())),
        "Unknown" => Some((unreachable(), not_ready())),
        _ => None,
    }
}

/// The evicting taints that a node has, whichever.
pub(super) fn evicting_of(node: &Node) -> Vec<Taint> {
    [unreachable(), not_ready()]
        .into_iter()
        .filter(|taint| has_taint(node, taint))
        .collect()
}

/// The `NoSchedule` taints to add and to remove, as conditions and `spec.unschedulable` say.
pub(super) fn no_schedule_changes(node: &Node) -> (Vec<Taint>, Vec<Taint>) {
    let conditions = node.status.conditions.iter();
    let mut wanted: Vec<Taint> = conditions
        .flat_map(|condition| {
            let rules = BY_CONDITION.into_iter();
            rules.filter(|(type_, status, _)| condition.type_ == *type_ && condition.status == *status)
        })
        .map(|(_, _, key)| taint(key, NO_SCHEDULE))
        .collect();
    if node.spec.unschedulable {
        wanted.push(taint(UNSCHEDULABLE, NO_SCHEDULE));
    }
    let ours = |present: &&Taint| {
        present.effect == NO_SCHEDULE
            && (present.key == UNSCHEDULABLE || BY_CONDITION.iter().any(|(_, _, key)| present.key == *key))
    };
    let present: Vec<Taint> = node.spec.taints.iter().filter(ours).cloned().collect();
    let without = |these: &[Taint], those: &[Taint]| {
        let other = |taint: &&Taint| !those.iter().any(|that| same_taint(taint, that));
        these.iter().filter(other).cloned().collect::<Vec<_>>()
    };
    (without(&wanted, &present), without(&present, &wanted))
}
