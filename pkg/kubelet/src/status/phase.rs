//! The phase of a pod, from the statuses of its containers.

use k8s_api::core::v1::{Container, ContainerState, ContainerStatus, Pod};
use kubelet_types::container::{is_sidecar, restarts_after};
use kubelet_types::pod::is_static;

/// The code that a container ended with, now or before its present waiting.
fn last_exit_code(status: &ContainerStatus) -> Option<i32> {
    let ended = |state: &ContainerState| state.terminated.as_ref().map(|ended| ended.exit_code);
    match &status.state {
        state if state.terminated.is_some() => ended(state),
        state if state.waiting.is_some() => ended(&status.last_state),
        _ => None,
    }
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
            match status(container).and_then(last_exit_code) {
                Some(0) => {}
                Some(code) if !restarts_after(container, &pod.spec, code) => counts.failed_init += 1,
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
    } else if let Some(code) = last_exit_code(status) {
        counts.stopped += 1;
        counts.final_stopped += usize::from(!restarts_after(container, &pod.spec, code));
        counts.succeeded += usize::from(code == 0 && status.state.terminated.is_some());
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
