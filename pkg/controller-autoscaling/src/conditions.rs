//! The conditions of an autoscaler.

use k8s_api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition};
use k8s_api::primitives::Time;

/// The controller can read and write the target's scale.
pub(crate) const ABLE_TO_SCALE: &str = "AbleToScale";
/// Metrics say how many pods there should be.
pub(crate) const SCALING_ACTIVE: &str = "ScalingActive";
/// A bound keeps the number from what metrics say.
pub(crate) const SCALING_LIMITED: &str = "ScalingLimited";
/// The controller itself scaled to zero (gate `HPAScaleToZero`).
pub(crate) const SCALED_TO_ZERO: &str = "ScaledToZero";

/// Sets a condition; the time changes with the status only.
pub(crate) fn set(
    hpa: &mut HorizontalPodAutoscaler,
    kind: &str,
    status: bool,
    reason: &str,
    message: impl Into<String>,
    now: Time,
) {
    let status = if status { "True" } else { "False" };
    let conditions = &mut hpa.status.conditions;
    let at = conditions.iter().position(|condition| condition.type_ == kind);
    let at = at.unwrap_or_else(|| {
        conditions.push(HorizontalPodAutoscalerCondition {
            type_: kind.to_owned(),
            ..Default::default()
        });
        conditions.len() - 1
    });
    let condition = &mut conditions[at];
    if condition.status != status {
        condition.last_transition_time = Some(now);
    }
    status.clone_into(&mut condition.status);
    reason.clone_into(&mut condition.reason);
    condition.message = message.into();
}

/// Takes a condition away.
pub(crate) fn remove(hpa: &mut HorizontalPodAutoscaler, kind: &str) {
    hpa.status.conditions.retain(|condition| condition.type_ != kind);
}

/// Whether a condition is true.
pub(crate) fn is_true(hpa: &HorizontalPodAutoscaler, kind: &str) -> bool {
    let mut conditions = hpa.status.conditions.iter();
    conditions.any(|condition| condition.type_ == kind && condition.status == "True")
}
