//! Conditions of pods.

use k8s_api::{
    core::v1::{PodCondition, PodStatus},
    primitives::Time,
};

/// The type that says whether a node has been found.
pub(super) const POD_SCHEDULED: &str = "PodScheduled";
/// The reason of a pod that is held back from scheduling.
pub(super) const SCHEDULING_GATED: &str = "SchedulingGated";

/// Sets a condition; its transition time stays if its status does.
pub(super) fn set_condition(status: &mut PodStatus, mut condition: PodCondition, now: jiff::Timestamp) {
    condition.last_transition_time = Some(Time::from(now));
    match status.conditions.iter_mut().find(|old| old.type_ == condition.type_) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time;
            }
            *old = condition;
        }
        None => status.conditions.push(condition),
    }
}
