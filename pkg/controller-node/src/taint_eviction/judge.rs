//! Whether a pod may stay on a node, and for how long.

use std::time::Duration;

use controller_objects::nodes::tolerates;
use k8s_api::core::v1::{Node, Pod, Taint};

/// What becomes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may stay.
    Stays,
    /// It has to go at once.
    Goes,
    /// It has to go after this time.
    GoesAfter(Duration),
}

/// The taints that evict.
pub(super) fn no_execute(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec.taints.iter().filter(|taint| taint.effect == "NoExecute")
}

/// What becomes of a pod on a node: each taint needs a toleration, and the shortest of all that were needed counts.
pub(super) fn judge(pod: &Pod, node: &Node) -> Verdict {
    let mut shortest: Option<i64> = None;
    for taint in no_execute(node) {
        let Some(toleration) = pod
            .spec
            .tolerations
            .iter()
            .find(|toleration| tolerates(toleration, taint))
        else {
            return Verdict::Goes;
        };
        if let Some(seconds) = toleration.toleration_seconds {
            shortest = Some(shortest.map_or(seconds, |shortest| shortest.min(seconds)));
        }
    }
    match shortest {
        None => Verdict::Stays,
        Some(seconds) => Verdict::GoesAfter(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
    }
}
