//! The conditions that the kubelet sets on pods.

use k8s_api::core::v1::{Container, ContainerStatus, Pod, PodCondition};
use kubelet_types::container::is_sidecar;

/// All containers are being removed, for the pod to start from the beginning.
pub(super) const ALL_RESTARTING: &str = "AllContainersRestarting";

/// The types of the conditions that are the kubelet's.
pub(super) const OWNED: [&str; 8] = [
    ALL_RESTARTING,
    "PodResizePending",
    "PodResizeInProgress",
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

fn condition(pod: &Pod, kind: &str, status: bool, reason: &str, message: String) -> PodCondition {
    PodCondition {
        type_: kind.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: pod.metadata.generation,
        ..Default::default()
    }
}

/// The kubelet ends the pod for the node's sake.
pub(super) fn disruption_target(pod: &Pod, message: &str) -> PodCondition {
    condition(
        pod,
        "DisruptionTarget",
        true,
        "TerminationByKubelet",
        message.to_owned(),
    )
}

fn names(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

/// The containers without a status, and those whose status is not as it should be.
fn sort_out<'a>(
    containers: impl Iterator<Item = &'a Container>,
    statuses: &[ContainerStatus],
    good: impl Fn(&Container, &ContainerStatus) -> bool,
) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut unknown, mut bad) = (Vec::new(), Vec::new());
    for container in containers {
        match statuses.iter().find(|status| status.name == container.name) {
            None => unknown.push(container.name.as_str()),
            Some(status) if !good(container, status) => bad.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    (unknown, bad)
}

fn messages(unknown: &[&str], bad: &[&str], word: &str) -> String {
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!("containers with unknown status: {}", names(unknown)));
    }
    if !bad.is_empty() {
        parts.push(format!("containers with {word} status: {}", names(bad)));
    }
    parts.join(", ")
}

/// Whether every container is ready.
pub(super) fn containers_ready(pod: &Pod, statuses: &[ContainerStatus], phase: &str, kind: &str) -> PodCondition {
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|container| is_sidecar(container));
    let (unknown, bad) = sort_out(sidecars.chain(&pod.spec.containers), statuses, |_, status| status.ready);
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(pod, kind, false, "PodCompleted", String::new());
    }
    if phase == "Failed" {
        return condition(pod, kind, false, "PodFailed", String::new());
    }
    let message = messages(&unknown, &bad, "unready");
    if message.is_empty() {
        return condition(pod, kind, true, "", String::new());
    }
    condition(pod, kind, false, "ContainersNotReady", message)
}

/// Whether the containers are ready and every gate is open.
pub(super) fn ready(pod: &Pod, others: &[PodCondition], statuses: &[ContainerStatus], phase: &str) -> PodCondition {
    let containers = containers_ready(pod, statuses, phase, "Ready");
    if containers.status != "True" {
        return containers;
    }
    let closed = pod.spec.readiness_gates.iter().filter_map(|gate| {
        let kind = &gate.condition_type;
        match others.iter().find(|condition| condition.type_ == *kind) {
            None => Some(format!(
                "corresponding condition of pod readiness gate {kind:?} does not exist."
            )),
            Some(found) if found.status != "True" => Some(format!(
                "the status of pod readiness gate {kind:?} is not \"True\", but {}",
                found.status
            )),
            Some(_) => None,
        }
    });
    let closed: Vec<_> = closed.collect();
    if closed.is_empty() {
        return containers;
    }
    condition(pod, "Ready", false, "ReadinessGatesNotReady", closed.join(", "))
}

/// Whether all init containers have ended well, and all sidecars have started.
/// What was initialized once stays so.
pub(super) fn initialized(pod: &Pod, statuses: &[ContainerStatus], phase: &str, was: bool) -> PodCondition {
    const KIND: &str = "Initialized";
    let done = |container: &Container, status: &ContainerStatus| {
        if is_sidecar(container) {
            status.started == Some(true)
        } else {
            status.ready
        }
    };
    let (unknown, bad) = sort_out(pod.spec.init_containers.iter(), statuses, done);
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(pod, KIND, true, "PodCompleted", String::new());
    }
    let message = messages(&unknown, &bad, "incomplete");
    if message.is_empty() || was || any_regular_started(pod, statuses) {
        return condition(pod, KIND, true, "", String::new());
    }
    condition(pod, KIND, false, "ContainersNotInitialized", message)
}

/// Whether a regular container was ever started.
pub(super) fn any_regular_started(pod: &Pod, statuses: &[ContainerStatus]) -> bool {
    let started = |status: &ContainerStatus| {
        status.state.running.is_some() || status.state.terminated.is_some() || status.last_state.terminated.is_some()
    };
    pod.spec
        .containers
        .iter()
        .any(|container| statuses.iter().any(|it| it.name == container.name && started(it)))
}

/// Whether a container has ended in a way that takes all others with it, and not all are gone yet.
pub(super) fn all_restarting(pod: &Pod, phase: &str, restarting: bool) -> PodCondition {
    match phase {
        "Succeeded" => condition(pod, ALL_RESTARTING, false, "PodCompleted", String::new()),
        "Failed" => condition(pod, ALL_RESTARTING, false, "PodFailed", String::new()),
        _ if restarting => {
            let message = "container exited with restart policy rule".to_owned();
            condition(pod, ALL_RESTARTING, true, "RestartAllContainersStarted", message)
        }
        _ => condition(pod, ALL_RESTARTING, false, "", String::new()),
    }
}

/// Whether the sandbox is there, with its network.
pub(super) fn ready_to_start(pod: &Pod, sandbox: bool) -> PodCondition {
    condition(pod, "PodReadyToStartContainers", sandbox, "", String::new())
}

/// The pod is on a node, or no kubelet would see it.
pub(super) fn scheduled(pod: &Pod) -> PodCondition {
    condition(pod, "PodScheduled", true, "", String::new())
}
