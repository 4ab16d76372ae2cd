//! What `kubectl get pods` shows.
//!
//! The status is one word for what keeps the pod from running, or for what became of it: the first
//! init container that has not ended well, or else the first container with something to say.

use apis_pod::pod::is_sidecar;
use apiserver::registry::{Column, Row, RowCondition};
use k8s_api::{
    core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod},
    primitives::Time,
};

use super::conditions::{POD_SCHEDULED, SCHEDULING_GATED};
use crate::printing::{AGE, NAME, NONE, age, column, wide};

const NODE_LOST: &str = "NodeLost";

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Ready", "string"),
    column("Status", "string"),
    column("Restarts", "string"),
    AGE,
    wide("IP", "string"),
    wide("Node", "string"),
    wide("Nominated Node", "string"),
    wide("Readiness Gates", "string"),
];

/// What a row says of a pod that has come to its end.
#[must_use]
pub fn conditions(pod: &Pod) -> &'static [RowCondition] {
    const SUCCEEDED: &[RowCondition] = &[RowCondition {
        kind: "Completed",
        reason: "Succeeded",
        message: "The pod has completed successfully.",
    }];
    const FAILED: &[RowCondition] = &[RowCondition {
        kind: "Completed",
        reason: "Failed",
        message: "The pod failed.",
    }];
    match pod.status.phase.as_str() {
        "Succeeded" => SUCCEEDED,
        "Failed" => FAILED,
        _ => &[],
    }
}

/// Restarts, and when the last of them began.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, status: &ContainerStatus) {
        self.count += i64::from(status.restart_count);
        let ended = status
            .last_state
            .terminated
            .as_ref()
            .and_then(|ended| ended.finished_at);
        self.last = self.last.max(ended);
    }

    fn show(self, now: jiff::Timestamp) -> String {
        match self.last.filter(|last| self.count != 0 && !last.is_zero()) {
            Some(last) => format!("{} ({} ago)", self.count, age(Some(last), now)),
            None => self.count.to_string(),
        }
    }
}

struct Summary {
    reason: String,
    ready: usize,
    restarts: Restarts,
}

fn has_condition(pod: &Pod, kind: &str) -> bool {
    let mut conditions = pod.status.conditions.iter();
    conditions.any(|condition| condition.type_ == kind && condition.status == "True")
}

fn ended_reason(prefix: &str, ended: &ContainerStateTerminated) -> String {
    if !ended.reason.is_empty() {
        format!("{prefix}{}", ended.reason)
    } else if ended.signal != 0 {
        format!("{prefix}Signal:{}", ended.signal)
    } else {
        format!("{prefix}ExitCode:{}", ended.exit_code)
    }
}

fn waiting_reason(state: &ContainerState) -> Option<&str> {
    let waiting = state.waiting.as_deref()?;
    Some(waiting.reason.as_str()).filter(|reason| !reason.is_empty())
}

/// Goes through the init containers; returns whether the pod is still at them.
fn look_at_init(pod: &Pod, summary: &mut Summary, sidecars: &mut Restarts) -> bool {
    for (index, status) in pod.status.init_container_statuses.iter().enumerate() {
        summary.restarts.add(status);
        let container = pod
            .spec
            .init_containers
            .iter()
            .rfind(|container| container.name == status.name);
        let sidecar = container.is_some_and(is_sidecar);
        if sidecar {
            sidecars.add(status);
        }
        match &status.state.terminated {
            Some(ended) if ended.exit_code == 0 => continue,
            _ if sidecar && status.started == Some(true) => {
                summary.ready += usize::from(status.ready);
                continue;
            }
            Some(ended) => summary.reason = ended_reason("Init:", ended),
            None => {
                summary.reason = match waiting_reason(&status.state) {
                    Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
                    _ => format!("Init:{index}/{}", pod.spec.init_containers.len()),
                };
            }
        }
        return true;
    }
    false
}

fn look_at_containers(pod: &Pod, summary: &mut Summary) {
    let mut running = false;
    let mut failure = None;
    for status in pod.status.container_statuses.iter().rev() {
        summary.restarts.add(status);
        if let Some(reason) = waiting_reason(&status.state) {
            reason.clone_into(&mut summary.reason);
        } else if let Some(ended) = &status.state.terminated {
            summary.reason = ended_reason("", ended);
            if ended.exit_code != 0 {
                failure = Some(summary.reason.clone());
            }
        } else if status.ready && status.state.running.is_some() {
            running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" {
        if running && has_condition(pod, "Ready") {
            summary.reason = "Running".into();
        } else if let Some(failure) = failure {
            summary.reason = failure;
        } else if running {
            summary.reason = "NotReady".into();
        }
    }
}

fn summarize(pod: &Pod) -> Summary {
    let status = &pod.status;
    let gated = |condition: &k8s_api::core::v1::PodCondition| {
        condition.type_ == POD_SCHEDULED && condition.reason == SCHEDULING_GATED
    };
    let reason = if status.conditions.iter().any(gated) {
        SCHEDULING_GATED
    } else if status.reason.is_empty() {
        &status.phase
    } else {
        &status.reason
    };
    let mut summary = Summary {
        reason: reason.to_owned(),
        ready: 0,
        restarts: Restarts::default(),
    };
    let mut sidecars = Restarts::default();
    let initializing = look_at_init(pod, &mut summary, &mut sidecars);
    let mut initialized = status
        .conditions
        .iter()
        .filter(|condition| condition.type_ == "Initialized");
    if !initializing || initialized.next().is_some_and(|condition| condition.status == "True") {
        summary.restarts = sidecars;
        look_at_containers(pod, &mut summary);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason == NODE_LOST {
            summary.reason = "Unknown".into();
        } else if !matches!(status.phase.as_str(), "Failed" | "Succeeded") {
            summary.reason = "Terminating".into();
        }
    }
    summary
}

fn readiness_gates(pod: &Pod) -> String {
    let gates = &pod.spec.readiness_gates;
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let met = gates.iter().filter(|gate| {
        let mut conditions = pod.status.conditions.iter();
        let condition = conditions.find(|condition| condition.type_ == gate.condition_type);
        condition.is_some_and(|condition| condition.status == "True")
    });
    format!("{}/{}", met.count(), gates.len())
}

/// The cells of a pod.
#[must_use]
pub fn row(pod: &Pod, now: jiff::Timestamp) -> Row {
    let summary = summarize(pod);
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|container| is_sidecar(container));
    let all = pod.spec.containers.len() + sidecars.count();
    let or_none = |text: &str| if text.is_empty() { NONE } else { text }.to_owned();
    vec![
        pod.metadata.name.as_str().into(),
        format!("{}/{all}", summary.ready).into(),
        summary.reason.into(),
        summary.restarts.show(now).into(),
        age(pod.metadata.creation_timestamp, now).into(),
        or_none(pod.status.pod_ips.first().map_or("", |ip| &ip.ip)).into(),
        or_none(&pod.spec.node_name).into(),
        or_none(&pod.status.nominated_node_name).into(),
        readiness_gates(pod).into(),
    ]
}
