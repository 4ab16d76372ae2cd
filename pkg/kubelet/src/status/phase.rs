//! The phase of a pod, from the statuses of its containers.

use k8s_api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};
use kubelet_types::container::{is_sidecar, restarts_after};
use kubelet_types::pod::is_static;

use super::containers::RESTARTING_ALL;

/// How a container ended, now or before its present waiting.
fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    match &status.state {
        state if state.terminated.is_some() => state.terminated.as_deref(),
        state if state.waiting.is_some() => status.last_state.terminated.as_deref(),
        _ => None,
    }
}

/// Whether a container that ended so is started again: by its rules, or since all containers are.
fn restarts(container: &Container, pod: &Pod, end: &ContainerStateTerminated) -> bool {
    end.reason == RESTARTING_ALL || restarts_after(container, &pod.spec, end.exit_code)
}

#[derive(Default)]
struct Counts {
    unknown: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    final_stopped: usize,
    succeeded: usize,
    pending_init: usize,
    pending_sidecars: usize,
    failed_init: usize,
}

/// Decides the phase. `terminal` tells that nothing is started any more; `initialized` that a regular container was started.
pub(super) fn phase(pod: &Pod, statuses: &[ContainerStatus], terminal: bool, initialized: bool) -> &'static str {
    let mut counts = Counts::default();
    let status = |container: &Container| statuses.iter().find(|status| status.name == container.name);
    for container in &pod.spec.init_containers {
        if is_sidecar(container) {
            count_sidecar(&mut counts, status(container));
        } else {
            match status(container).and_then(last_end) {
                Some(end) if end.exit_code != 0 && !restarts(container, pod, end) => counts.failed_init += 1,
                Some(_) => {}
                None => counts.pending_init += 1,
            }
        }
    }
    for container in &pod.spec.containers {
        count_regular(&mut counts, pod, container, status(container));
    }
    decide(&counts, pod, terminal, initialized)
}

fn count_sidecar(counts: &mut Counts, status: Option<&ContainerStatus>) {
    match status.map(|status| (status, &status.state)) {
        None => counts.unknown += 1,
        Some((status, state)) if state.running.is_some() => {
            counts.running += 1;
            counts.pending_sidecars += usize::from(status.started != Some(true));
        }
        Some((_, state)) if state.terminated.is_some() => {}
        Some((status, state)) if state.waiting.is_some() => {
            if status.last_state.terminated.is_none() {
                counts.pending_sidecars += 1;
                counts.waiting += 1;
            }
        }
        Some(_) => {
            counts.pending_sidecars += 1;
            counts.unknown += 1;
        }
    }
}

fn count_regular(counts: &mut Counts, pod: &Pod, container: &Container, status: Option<&ContainerStatus>) {
    let Some(status) = status else {
        counts.unknown += 1;
        return;
    };
    if status.state.running.is_some() {
        counts.running += 1;
    } else if let Some(end) = last_end(status) {
        counts.stopped += 1;
        counts.final_stopped += usize::from(!restarts(container, pod, end));
        counts.succeeded += usize::from(end.exit_code == 0 && status.state.terminated.is_some());
    } else if status.state.waiting.is_some() {
        counts.waiting += 1;
    } else {
        counts.unknown += 1;
    }
}

fn decide(counts: &Counts, pod: &Pod, terminal: bool, initialized: bool) -> &'static str {
    let end = || {
        if counts.stopped == counts.succeeded {
            "Succeeded"
        } else {
            "Failed"
        }
    };
    if counts.failed_init > 0 {
        return "Failed";
    }
    if counts.pending_init > 0 || (counts.pending_sidecars > 0 && !initialized) || counts.waiting > 0 {
        return "Pending";
    }
    if counts.running > 0 && counts.unknown == 0 {
        return "Running";
    }
    if counts.running == 0 && counts.stopped > 0 && counts.unknown == 0 {
        if terminal && !is_static(pod) {
            return end();
        }
        // Some are about to be started again.
        if counts.stopped != counts.final_stopped {
            return "Running";
        }
        return end();
    }
    "Pending"
}
