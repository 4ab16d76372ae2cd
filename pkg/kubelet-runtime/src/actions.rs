//! What has to be done for a pod, given its specification and what the runtime holds of it. No IO.

use cri_client::api::{NamespaceMode, PodSandboxState};
use k8s_api::core::v1::{Container, Pod};
use kubelet_prober::{ProbeKind, Results, Verdict};
use kubelet_types::container::{is_sidecar, may_restart_all, restarts_after, restarts_after_kill, restarts_all_after};

use crate::labels;
use crate::status::{ContainerRecord, ContainerState, PodRecord};

/// Why a container is killed, as far as its grace period depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    /// Its startup probe failed.
    StartupProbe,
    /// Its liveness probe failed.
    LivenessProbe,
    /// Its postStart hook failed.
    FailedPostStartHook,
    /// Its state is not known.
    Unknown,
    /// Anything else.
    Other,
}

/// A container to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// The runtime's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the event says.
    pub message: String,
    /// Why.
    pub reason: KillReason,
}

/// What has to be done, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodActions {
    /// Kill all containers and the sandboxes.
    pub kill_pod: bool,
    /// Make a sandbox.
    pub create_sandbox: bool,
    /// The number of the sandbox to make.
    pub attempt: u32,
    /// The sandbox to go on with.
    pub sandbox_id: String,
    /// Containers to kill while the pod goes on.
    pub kill: Vec<Kill>,
    /// Ephemeral containers to start, by index.
    pub ephemeral: Vec<usize>,
    /// Init containers to start, by index, in order; only sidecars may come before the last.
    pub init: Vec<usize>,
    /// Containers to start, by index.
    pub containers: Vec<usize>,
    /// Containers to end and remove, in this order, for the pod to start from the beginning in its sandbox. Those that
    /// asked for it come last, so that it is still known what was begun after an interruption.
    pub reset: Vec<Reset>,
}

/// A container to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The runtime's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it has to be ended first.
    pub kill: bool,
}

/// Whether a container has ended in a way that starts the whole pod anew.
#[must_use]
pub fn restarts_all(pod: &Pod, record: &PodRecord) -> bool {
    may_restart_all(&pod.spec)
        && pod
            .spec
            .init_containers
            .iter()
            .chain(&pod.spec.containers)
            .any(|container| {
                let latest = record.find(&container.name);
                latest
                    .is_some_and(|it| it.state == ContainerState::Exited && restarts_all_after(container, it.exit_code))
            })
}

/// Every container of the pod that the runtime holds: regular before init ones, and those that asked for it last.
fn to_reset(pod: &Pod, record: &PodRecord) -> Vec<Reset> {
    let (mut asking, mut others) = (Vec::new(), Vec::new());
    for container in pod.spec.containers.iter().chain(&pod.spec.init_containers) {
        for held in record.containers.iter().filter(|held| held.name == container.name) {
            let exited = held.state == ContainerState::Exited;
            let reset = Reset {
                id: held.id.clone(),
                name: held.name.clone(),
                kill: !exited,
            };
            if exited && restarts_all_after(container, held.exit_code) {
                asking.push(reset);
            } else {
                others.push(reset);
            }
        }
    }
    others.extend(asking);
    others
}

/// Whether the pod needs a new sandbox; the number of the next or present one, and the id of the present one.
#[must_use]
pub fn sandbox_changed(pod: &Pod, record: &PodRecord) -> (bool, u32, String) {
    let Some(latest) = record.sandboxes.first() else {
        return (true, 0, String::new());
    };
    let attempt = latest.metadata.as_ref().map_or(0, |metadata| metadata.attempt);
    let ready = record
        .sandboxes
        .iter()
        .filter(|sandbox| sandbox.state() == PodSandboxState::Ready)
        .count();
    if ready > 1 || latest.state() != PodSandboxState::Ready {
        return (true, attempt + 1, latest.id.clone());
    }
    let options = latest
        .linux
        .as_ref()
        .and_then(|linux| linux.namespaces.as_ref())
        .and_then(|it| it.options.as_ref());
    let network = options.map_or(NamespaceMode::Pod, |options| options.network());
    let wanted = if pod.spec.host_network {
        NamespaceMode::Node
    } else {
        NamespaceMode::Pod
    };
    if network != wanted {
        return (true, attempt + 1, String::new());
    }
    let no_address = latest.network.as_ref().is_some_and(|network| network.ip.is_empty());
    if !pod.spec.host_network && no_address {
        return (true, attempt + 1, latest.id.clone());
    }
    (false, attempt, latest.id.clone())
}

/// Whether a container that does not run is to be started.
#[must_use]
pub fn should_be_restarted(container: &Container, pod: &Pod, record: &PodRecord) -> bool {
    if pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    match record.find(&container.name) {
        None => true,
        Some(status) => match status.state {
            ContainerState::Running => false,
            ContainerState::Unknown | ContainerState::Created => true,
            ContainerState::Exited => restarts_after(container, &pod.spec, status.exit_code),
        },
    }
}

/// Whether any container was made from the specification's regular ones.
#[must_use]
pub fn has_any_regular_container(pod: &Pod, record: &PodRecord) -> bool {
    pod.spec
        .containers
        .iter()
        .any(|container| record.find(&container.name).is_some())
}

/// Decides.
#[must_use]
pub fn compute(pod: &Pod, record: &PodRecord, results: &Results, runtime: &str) -> PodActions {
    let (create, attempt, sandbox_id) = sandbox_changed(pod, record);
    let mut actions = PodActions {
        kill_pod: create,
        create_sandbox: create,
        attempt,
        sandbox_id,
        ..Default::default()
    };
    if pod.metadata.deletion_timestamp.is_none() && restarts_all(pod, record) {
        return PodActions {
            reset: to_reset(pod, record),
            ..PodActions::default()
        };
    }
    if create {
        for_new_sandbox(pod, record, &mut actions);
        return actions;
    }
    for (index, container) in pod.spec.ephemeral_containers.iter().enumerate() {
        if record.find(&container.name).is_none() {
            actions.ephemeral.push(index);
        }
    }
    let judge = Judge {
        pod,
        record,
        results,
        runtime,
    };
    if !judge.init_containers(&mut actions) || actions.kill_pod {
        return actions;
    }
    judge.regular_containers(&mut actions);
    actions
}

/// A new sandbox starts from the beginning, unless the pod is done with.
fn for_new_sandbox(pod: &Pod, record: &PodRecord, actions: &mut PodActions) {
    let spec = &pod.spec;
    let any_restarts = spec.restart_policy != "Never"
        || spec.init_containers.iter().chain(&spec.containers).any(|container| {
            container
                .restart_policy
                .as_deref()
                .is_some_and(|policy| policy != "Never")
                || !container.restart_policy_rules.is_empty()
        });
    if !any_restarts && actions.attempt != 0 && !record.containers.is_empty() {
        actions.create_sandbox = false;
        return;
    }
    let succeeded = |container: &Container| {
        let status = record.find(&container.name);
        status.is_some_and(|it| it.state == ContainerState::Exited && it.exit_code == 0)
    };
    let once =
        |container: &Container| container.restart_policy.as_deref().unwrap_or(&spec.restart_policy) == "OnFailure";
    let containers = spec.containers.iter().enumerate();
    let to_start: Vec<_> = containers
        .filter(|(_, it)| !(once(it) && succeeded(it)))
        .map(|(index, _)| index)
        .collect();
    if to_start.is_empty() && has_any_regular_container(pod, record) {
        actions.create_sandbox = false;
        return;
    }
    if spec.init_containers.is_empty() {
        actions.containers = to_start;
    } else {
        actions.init = vec![0];
    }
}

struct Judge<'a> {
    pod: &'a Pod,
    record: &'a PodRecord,
    results: &'a Results,
    runtime: &'a str,
}

fn is_changed(container: &Container, status: &ContainerRecord) -> bool {
    status.hash.is_some_and(|hash| hash != labels::hash(container))
}

impl Judge<'_> {
    fn verdict(&self, kind: ProbeKind, status: &ContainerRecord) -> Option<Verdict> {
        self.results.get(kind, &format!("{}://{}", self.runtime, status.id))
    }

    /// Whether a regular container was made or runs, so that all init containers must have run before.
    fn was_initialized(&self) -> bool {
        let alive =
            |status: &ContainerRecord| matches!(status.state, ContainerState::Created | ContainerState::Running);
        self.pod
            .spec
            .containers
            .iter()
            .any(|container| self.record.find(&container.name).is_some_and(alive))
    }

    /// Goes backwards, since completed init containers may have been removed: the last one with a status decides.
    /// Returns whether the pod is initialized.
    fn init_containers(&self, actions: &mut PodActions) -> bool {
        let containers = &self.pod.spec.init_containers;
        if containers.is_empty() {
            return true;
        }
        let mut initialized = self.was_initialized();
        let mut seen = initialized;
        let last = containers.len() - 1;
        for (index, container) in containers.iter().enumerate().rev() {
            let sidecar = is_sidecar(container);
            let Some(status) = self.record.find(&container.name) else {
                if seen && sidecar {
                    actions.init.push(index);
                }
                continue;
            };
            if seen && !sidecar {
                continue;
            }
            // What comes after this one may begin.
            let passed = |actions: &mut PodActions, initialized: &mut bool| {
                if index == last {
                    *initialized = true;
                } else if !seen {
                    actions.init.push(index + 1);
                }
            };
            match status.state {
                ContainerState::Created => actions.init.push(index),
                ContainerState::Running if sidecar => {
                    if self.sidecar_started(container, status, index, actions) {
                        passed(actions, &mut initialized);
                        self.running_sidecar(container, status, index, actions);
                    }
                }
                ContainerState::Running => {}
                ContainerState::Exited if sidecar => actions.init.push(index),
                ContainerState::Exited if status.exit_code == 0 => passed(actions, &mut initialized),
                ContainerState::Exited => {
                    if !should_be_restarted(container, self.pod, self.record) {
                        actions.kill_pod = true;
                        actions.init.clear();
                        return false;
                    }
                    actions.init.push(index);
                }
                ContainerState::Unknown => {
                    if !sidecar && !restarts_after_kill(container, &self.pod.spec) {
                        actions.kill_pod = true;
                        actions.init.clear();
                        return false;
                    }
                    let message = format!(
                        "Init container is in {:?} state, try killing it before restart",
                        status.state.as_str()
                    );
                    self.restart(actions, index, status, message, KillReason::Unknown);
                }
            }
            seen = true;
        }
        if !seen {
            actions.init.push(0);
        }
        actions.init.reverse();
        initialized
    }

    fn restart(
        &self,
        actions: &mut PodActions,
        index: usize,
        status: &ContainerRecord,
        message: String,
        reason: KillReason,
    ) {
        let (id, name) = (status.id.clone(), status.name.clone());
        actions.kill.push(Kill {
            id,
            name,
            message,
            reason,
        });
        actions.init.push(index);
    }

    /// Whether a running sidecar's startup probe has succeeded; one that has failed is restarted.
    fn sidecar_started(
        &self,
        container: &Container,
        status: &ContainerRecord,
        index: usize,
        actions: &mut PodActions,
    ) -> bool {
        if container.startup_probe.is_none() {
            return true;
        }
        match self.verdict(ProbeKind::Startup, status) {
            Some(Verdict::Success) => true,
            Some(Verdict::Failure) => {
                let message = format!("Init container {} failed startup probe", container.name);
                self.restart(actions, index, status, message, KillReason::StartupProbe);
                false
            }
            Some(Verdict::Unknown) | None => false,
        }
    }

    fn running_sidecar(&self, container: &Container, status: &ContainerRecord, index: usize, actions: &mut PodActions) {
        if is_changed(container, status) {
            let message = format!("Init container {} definition changed", container.name);
            self.restart(actions, index, status, message, KillReason::Other);
        } else if container.liveness_probe.is_some()
            && self.verdict(ProbeKind::Liveness, status) == Some(Verdict::Failure)
        {
            let message = format!("Init container {} failed liveness probe", container.name);
            self.restart(actions, index, status, message, KillReason::LivenessProbe);
        }
    }

    fn regular_containers(&self, actions: &mut PodActions) {
        let mut kept = 0;
        for (index, container) in self.pod.spec.containers.iter().enumerate() {
            let status = self.record.find(&container.name);
            let running = status.filter(|status| status.state == ContainerState::Running);
            let Some(status) = running else {
                if should_be_restarted(container, self.pod, self.record) {
                    actions.containers.push(index);
                    if let Some(status) = status.filter(|status| status.state == ContainerState::Unknown) {
                        let message = format!(
                            "Container is in {:?} state, try killing it before restart",
                            status.state.as_str()
                        );
                        let (id, name) = (status.id.clone(), status.name.clone());
                        actions.kill.push(Kill {
                            id,
                            name,
                            message,
                            reason: KillReason::Unknown,
                        });
                    }
                }
                continue;
            };
            let failed = |kind| self.verdict(kind, status) == Some(Verdict::Failure);
            let name = &container.name;
            let (mut message, reason, restart) = if is_changed(container, status) {
                (format!("Container {name} definition changed"), KillReason::Other, true)
            } else if failed(ProbeKind::Liveness) {
                let restart = restarts_after_kill(container, &self.pod.spec);
                (
                    format!("Container {name} failed liveness probe"),
                    KillReason::LivenessProbe,
                    restart,
                )
            } else if failed(ProbeKind::Startup) {
                let restart = restarts_after_kill(container, &self.pod.spec);
                (
                    format!("Container {name} failed startup probe"),
                    KillReason::StartupProbe,
                    restart,
                )
            } else {
                kept += 1;
                continue;
            };
            if restart {
                message.push_str(", will be restarted");
                actions.containers.push(index);
            }
            actions.kill.push(Kill {
                id: status.id.clone(),
                name: name.clone(),
                message,
                reason,
            });
        }
        if kept == 0 && actions.containers.is_empty() {
            actions.kill_pod = true;
            // Sidecars must not keep a pod alive whose containers are done.
            actions.init.clear();
        }
    }
}
