//! The conditions of a node that are the kubelet's.

use k8s_api::core::v1::NodeCondition;
use k8s_api::primitives::Time;
use kubelet_types::pressure::Pressure;

/// Reason and message of a pressure condition, and the word of its event.
struct Words {
    reason: &'static str,
    message: &'static str,
    event: &'static str,
}

const fn words(pressure: Pressure, under: bool) -> Words {
    let (reason, message, event) = match (pressure, under) {
        (Pressure::Memory, true) => (
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
            "NodeHasInsufficientMemory",
        ),
        (Pressure::Memory, false) => (
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
            "NodeHasSufficientMemory",
        ),
        (Pressure::Disk, true) => (
            "KubeletHasDiskPressure",
            "kubelet has disk pressure",
            "NodeHasDiskPressure",
        ),
        (Pressure::Disk, false) => (
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
            "NodeHasNoDiskPressure",
        ),
        (Pressure::Pid, true) => (
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
            "NodeHasInsufficientPID",
        ),
        (Pressure::Pid, false) => (
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
            "NodeHasSufficientPID",
        ),
    };
    Words { reason, message, event }
}

fn find<'a>(conditions: &'a mut Vec<NodeCondition>, kind: &str) -> &'a mut NodeCondition {
    let at = conditions.iter().position(|condition| condition.type_ == kind);
    let at = at.unwrap_or_else(|| {
        conditions.push(NodeCondition {
            type_: kind.to_owned(),
            status: "Unknown".to_owned(),
            ..Default::default()
        });
        conditions.len() - 1
    });
    &mut conditions[at]
}

/// Sets a pressure condition; returns the word of the event if it changed.
pub(crate) fn set_pressure(
    conditions: &mut Vec<NodeCondition>,
    pressure: Pressure,
    under: bool,
    now: Time,
) -> Option<&'static str> {
    let condition = find(conditions, pressure.condition());
    condition.last_heartbeat_time = Some(now);
    let status = if under { "True" } else { "False" };
    if condition.status == status {
        return None;
    }
    let words = words(pressure, under);
    status.clone_into(&mut condition.status);
    words.reason.clone_into(&mut condition.reason);
    words.message.clone_into(&mut condition.message);
    condition.last_transition_time = Some(now);
    Some(words.event)
}

/// Several errors as one, each once.
fn aggregate(errors: &[String]) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for error in errors {
        if !unique.contains(&error.as_str()) {
            unique.push(error);
        }
    }
    match unique.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// Sets the ready condition; returns the word of the event if a known one changed.
pub(crate) fn set_ready(conditions: &mut Vec<NodeCondition>, errors: &[String], now: Time) -> Option<&'static str> {
    let known = conditions.iter().any(|condition| condition.type_ == "Ready");
    let condition = find(conditions, "Ready");
    condition.last_heartbeat_time = Some(now);
    let (status, reason, message, event) = if errors.is_empty() {
        (
            "True",
            "KubeletReady",
            "kubelet is posting ready status".to_owned(),
            "NodeReady",
        )
    } else {
        ("False", "KubeletNotReady", aggregate(errors), "NodeNotReady")
    };
    let changed = condition.status != status;
    status.clone_into(&mut condition.status);
    reason.clone_into(&mut condition.reason);
    condition.message = message;
    if changed {
        condition.last_transition_time = Some(now);
    }
    (changed && known).then_some(event)
}
