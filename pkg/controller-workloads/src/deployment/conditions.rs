//! Conditions: available, progressing, failing.

use k8s_api::apps::v1::{DeploymentCondition, DeploymentStatus, ReplicaSetCondition};
use k8s_api::primitives::Time;

pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const AVAILABLE: &str = "Available";
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Reasons of the condition `Progressing`.
pub(super) mod reason {
    pub(in super::super) const UPDATED: &str = "ReplicaSetUpdated";
    pub(in super::super) const CREATE_ERROR: &str = "ReplicaSetCreateError";
    pub(in super::super) const CREATED: &str = "NewReplicaSetCreated";
    pub(in super::super) const FOUND: &str = "FoundNewReplicaSet";
    pub(in super::super) const NEW_AVAILABLE: &str = "NewReplicaSetAvailable";
    pub(in super::super) const TIMED_OUT: &str = "ProgressDeadlineExceeded";
    pub(in super::super) const PAUSED: &str = "DeploymentPaused";
    pub(in super::super) const RESUMED: &str = "DeploymentResumed";
}

/// A condition that begins now.
pub(super) fn condition(
    type_: &str,
    status: &str,
    reason: &str,
    message: impl Into<String>,
    now: Time,
) -> DeploymentCondition {
    DeploymentCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.into(),
        last_update_time: Some(now),
        last_transition_time: Some(now),
    }
}

pub(super) fn get<'s>(status: &'s DeploymentStatus, type_: &str) -> Option<&'s DeploymentCondition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

pub(super) fn remove(status: &mut DeploymentStatus, type_: &str) {
    status.conditions.retain(|condition| condition.type_ != type_);
}

/// Puts a condition in place, unless there is one with the same status and reason. The transition is that of the status.
pub(super) fn set(status: &mut DeploymentStatus, mut wanted: DeploymentCondition) {
    if let Some(present) = get(status, &wanted.type_) {
        if present.status == wanted.status {
            if present.reason == wanted.reason {
                return;
            }
            wanted.last_transition_time = present.last_transition_time;
        }
        remove(status, &wanted.type_);
    }
    status.conditions.push(wanted);
}

/// A replica set's condition as the deployment's.
pub(super) fn of_replica_set(condition: &ReplicaSetCondition) -> DeploymentCondition {
    DeploymentCondition {
        type_: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        last_update_time: condition.last_transition_time,
        last_transition_time: condition.last_transition_time,
    }
}
