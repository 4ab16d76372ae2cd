//! What a disruption budget says of an eviction.

use apimachinery::{
    selectors::Selector,
    status::{GroupResource, StatusError},
};
use k8s_api::{
    core::v1::Pod,
    meta::v1::{Condition, StatusCause},
    policy::v1::PodDisruptionBudget,
    primitives::Time,
};

/// Most evictions that the budget's controller may not have seen yet.
const MOST_DISRUPTED: usize = 2000;
const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";
const SYNC_FAILED: &str = "SyncFailed";

/// The budgets that guard a pod. One with a malformed selector guards none.
pub(super) fn matching(budgets: Vec<PodDisruptionBudget>, pod: &Pod) -> Vec<PodDisruptionBudget> {
    let guards = |budget: &PodDisruptionBudget| {
        Selector::from_api(budget.spec.selector.as_deref()).is_ok_and(|selector| selector.matches(&pod.metadata.labels))
    };
    budgets.into_iter().filter(guards).collect()
}

/// Whether pods that are not ready may go: always, or as long as enough others are healthy.
pub(super) fn spares_unhealthy(budget: &PodDisruptionBudget) -> bool {
    let status = &budget.status;
    budget.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow")
        || (status.current_healthy >= status.desired_healthy && status.desired_healthy > 0)
}

/// What a budget says.
pub(super) enum Verdict {
    /// No, in these words.
    Refused(Box<StatusError>),
    /// Yes: the budget with one disruption less.
    Taken(Box<PodDisruptionBudget>),
}

/// `TooManyRequests` with the budget's own words.
pub(super) fn violated(message: String, retry_after_seconds: i32) -> StatusError {
    let text = "Cannot evict pod as it would violate the pod's disruption budget.";
    StatusError::too_many_requests(text, retry_after_seconds).map_details(|details| {
        details.causes.push(StatusCause {
            reason: "DisruptionBudget".to_owned(),
            message,
            field: String::new(),
        });
    })
}

/// Whether a pod may be evicted, and the budget afterwards.
pub(super) fn judge(mut budget: PodDisruptionBudget, pod: &str, now: jiff::Timestamp) -> Verdict {
    let name = &budget.metadata.name;
    let status = &mut budget.status;
    let forbidden = |reason: &str| {
        let resource = GroupResource::new("policy", "poddisruptionbudget");
        Verdict::Refused(Box::new(StatusError::forbidden(resource, name, reason)))
    };
    if status.observed_generation < budget.metadata.generation {
        return Verdict::Refused(Box::new(super::still_processed(name)));
    }
    if status.disruptions_allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status.disrupted_pods.len() > MOST_DISRUPTED {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if status.disruptions_allowed == 0 {
        return Verdict::Refused(Box::new(violated(why_not(&budget), 0)));
    }
    status.disruptions_allowed -= 1;
    if status.disruptions_allowed == 0 {
        set_insufficient(&mut status.conditions, status.observed_generation, now);
    }
    status.disrupted_pods.insert(pod, Time::from(now));
    Verdict::Taken(Box::new(budget))
}

fn why_not(budget: &PodDisruptionBudget) -> String {
    let (name, status) = (&budget.metadata.name, &budget.status);
    let refusal = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == DISRUPTION_ALLOWED)
        .filter(|condition| condition.status == "False" && !condition.message.is_empty());
    match refusal {
        // Numbers of a failed sync mean nothing.
        Some(condition) if condition.reason == SYNC_FAILED => format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {}",
            condition.message
        ),
        _ if status.current_healthy <= status.desired_healthy => format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            status.desired_healthy, status.current_healthy
        ),
        Some(condition) => format!(
            "The disruption budget {name} does not allow evicting pods currently ({}): {}",
            condition.reason, condition.message
        ),
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// The last disruption was taken.
fn set_insufficient(conditions: &mut Vec<Condition>, generation: i64, now: jiff::Timestamp) {
    let mut condition = Condition {
        type_: DISRUPTION_ALLOWED.to_owned(),
        status: "False".to_owned(),
        reason: "InsufficientPods".to_owned(),
        observed_generation: generation,
        last_transition_time: Some(Time::from(now)),
        ..Condition::default()
    };
    match conditions.iter_mut().find(|old| old.type_ == DISRUPTION_ALLOWED) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time;
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}
