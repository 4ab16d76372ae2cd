//! Which events may let a pod in that affinity kept out.

use scheduler_framework::PodInfo;
use scheduler_framework::affinity::matches_all;
use scheduler_framework::events::{EventObjects, QueueingHint};

/// A pod that came, went or changed.
pub(super) fn after_pod(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.pod() else {
        return QueueingHint::Queue;
    };
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    if let (Some(_), Some(new)) = (old, new)
        && new.uid() == pod.uid()
    {
        return QueueingHint::Queue;
    }
    if [old, new].into_iter().flatten().any(|changed| !changed.occupies_node()) {
        return QueueingHint::Skip;
    }
    let terms = pod.affinities();
    let affine = |other: &PodInfo| matches_all(&terms.required, &other.pod);
    let averse = |other: &PodInfo| matches_all(&terms.required_anti, &other.pod);
    match (old, new) {
        (Some(old), Some(new)) => ((!affine(old) && affine(new)) || (averse(old) && !averse(new))).into(),
        (None, Some(new)) => affine(new).into(),
        (Some(old), None) => {
            let was_averse = matches_all(&old.affinities().required_anti, &pod.pod);
            (averse(old) || was_averse).into()
        }
        (None, None) => QueueingHint::Queue,
    }
}

/// A node that came or was labelled anew.
pub(super) fn after_node(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.node() else {
        return QueueingHint::Queue;
    };
    let Some(new) = &change.new else {
        return QueueingHint::Skip;
    };
    let terms = pod.affinities();
    let Some(old) = &change.old else {
        let affine = terms
            .required
            .iter()
            .any(|term| new.metadata.labels.contains_key(&term.topology_key));
        return (affine || !terms.required_anti.is_empty()).into();
    };
    let values = |key: &str| (old.metadata.labels.get(key), new.metadata.labels.get(key));
    let affine = terms.required.iter().any(|term| match values(&term.topology_key) {
        (None, Some(_)) => true,
        (Some(old), Some(new)) => old != new,
        _ => false,
    });
    let averse = terms.required_anti.iter().any(|term| match values(&term.topology_key) {
        (Some(_), None) => true,
        (Some(old), Some(new)) => old != new,
        _ => false,
    });
    (affine || averse).into()
}
