//! Annotations: revisions, and the size that a deployment had when a replica set was sized.

use k8s_api::Map;
use k8s_api::apps::v1::{Deployment, ReplicaSet};
use k8s_api::meta::v1::ObjectMeta;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The longest list of a replica set's former revisions.
const HISTORY_LIMIT: usize = 2000;

/// Annotations that stay with the object they are on.
const OWN: [&str; 6] = [
    LAST_APPLIED,
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    ROLLBACK_TO,
];

/// An object's revision; 0 if it has none, nothing if it is no number.
pub(super) fn revision(metadata: &ObjectMeta) -> Option<i64> {
    match metadata.annotations.get(REVISION) {
        Some(text) => text.parse().ok(),
        None => Some(0),
    }
}

/// The revision to go back to, if somebody asked for one; 0 for the last.
pub(super) fn rollback_to(deployment: &Deployment) -> Option<i64> {
    deployment.metadata.annotations.get(ROLLBACK_TO)?.parse().ok()
}

/// The request to go back is done.
pub(super) fn clear_rollback_to(deployment: &mut Deployment) {
    deployment.metadata.annotations.remove(ROLLBACK_TO);
}

fn number(set: &ReplicaSet, name: &str) -> Option<i32> {
    let value: u32 = set.metadata.annotations.get(name)?.parse().ok()?;
    i32::try_from(value).ok()
}

/// The size that the deployment had when this set was sized last.
pub(super) fn desired_replicas(set: &ReplicaSet) -> Option<i32> {
    number(set, DESIRED_REPLICAS)
}

/// The most pods that the deployment could have then.
pub(super) fn max_replicas(set: &ReplicaSet) -> Option<i32> {
    number(set, MAX_REPLICAS)
}

/// Puts a value in place; tells whether it differs.
fn set_to(annotations: &mut Map<String>, name: &str, value: &str) -> bool {
    if annotations.get(name).is_some_and(|present| present == value) {
        return false;
    }
    annotations.insert(name.to_owned(), value.to_owned());
    true
}

/// Notes the deployment's revision; tells whether it changed.
pub(super) fn set_deployment_revision(deployment: &mut Deployment, revision: &str) -> bool {
    set_to(&mut deployment.metadata.annotations, REVISION, revision)
}

/// Notes the deployment's size; tells whether it changed.
pub(super) fn set_sizes(set: &mut ReplicaSet, desired: i32, max: i32) -> bool {
    let annotations = &mut set.metadata.annotations;
    let desired = set_to(annotations, DESIRED_REPLICAS, &desired.to_string());
    set_to(annotations, MAX_REPLICAS, &max.to_string()) || desired
}

/// Gives the deployment's annotations and its next revision to its newest replica set; tells whether anything changed.
pub(super) fn set_on_newest(deployment: &Deployment, set: &mut ReplicaSet, next: i64) -> bool {
    let annotations = &mut set.metadata.annotations;
    let mut changed = false;
    for (name, value) in deployment.metadata.annotations.iter() {
        if !OWN.contains(&name.as_str()) {
            changed |= set_to(annotations, name, value);
        }
    }
    let before = annotations.get(REVISION).cloned();
    let old = match before.as_deref() {
        None | Some("") => 0,
        Some(text) => match text.parse::<i64>() {
            Ok(number) => number,
            Err(error) => {
                tracing::info!(set = set.metadata.name, %error, "Updating replica set revision OldRevision not int");
                return false;
            }
        },
    };
    if old >= next {
        return changed;
    }
    annotations.insert(REVISION.to_owned(), next.to_string());
    if let Some(before) = before {
        let history = annotations.get(REVISION_HISTORY).map_or("", String::as_str);
        if let Some(history) = append_to_history(history, &before) {
            annotations.insert(REVISION_HISTORY.to_owned(), history);
        }
    }
    true
}

/// The history with one revision more; the oldest make room for it.
fn append_to_history(history: &str, revision: &str) -> Option<String> {
    if history.is_empty() {
        return Some(revision.to_owned());
    }
    let mut rest = history;
    loop {
        if rest.is_empty() {
            return (revision.len() <= HISTORY_LIMIT).then(|| revision.to_owned());
        }
        if rest.len() + revision.len() < HISTORY_LIMIT {
            return Some(format!("{rest},{revision}"));
        }
        rest = rest.split_once(',').map_or("", |(_, rest)| rest);
    }
}

/// Makes a deployment's annotations those of a replica set it goes back to.
pub(super) fn take_from(deployment: &mut Deployment, set: &ReplicaSet) {
    let mut annotations: Map<String> = deployment
        .metadata
        .annotations
        .iter()
        .filter(|(name, _)| OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in set.metadata.annotations.iter() {
        if !OWN.contains(&name.as_str()) {
            annotations.insert(name.clone(), value.clone());
        }
    }
    deployment.metadata.annotations = annotations;
}

#[cfg(test)]
mod tests {
    use super::{HISTORY_LIMIT, append_to_history};

    #[test]
    fn the_oldest_revisions_make_room() {
        assert_eq!(append_to_history("", "1").as_deref(), Some("1"));
        assert_eq!(append_to_history("1,2", "3").as_deref(), Some("1,2,3"));
        let full = vec!["11111"; 400].join(",");
        let next = append_to_history(&full, "2").unwrap();
        assert!(next.len() <= HISTORY_LIMIT, "{}", next.len());
        assert!(next.ends_with(",11111,2"));
    }
}
