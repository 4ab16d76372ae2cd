//! The statuses of the containers of a pod.

use std::collections::BTreeMap;

use k8s_api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    ContainerUser, LinuxContainerUser, Pod, VolumeMountStatus,
};
use k8s_api::primitives::Time;
use kubelet_runtime::actions::{has_any_regular_container, should_be_restarted};
use kubelet_runtime::{ContainerRecord, ContainerState as State, PodRecord, StartFailure};
use kubelet_types::container::is_sidecar;

/// Why a container is not there that was removed for the whole pod to start from the beginning.
pub(super) const RESTARTING_ALL: &str = "RestartingAllContainers";

/// What the statuses of one list of containers are made from.
pub(super) struct ListInput<'a> {
    pub(super) pod: &'a Pod,
    pub(super) record: &'a PodRecord,
    pub(super) runtime: &'a str,
    pub(super) failures: &'a BTreeMap<String, StartFailure>,
    pub(super) previous: &'a [ContainerStatus],
    pub(super) init: bool,
    /// All containers were being removed as of the status before.
    pub(super) restarting: bool,
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    let waiting = ContainerStateWaiting {
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    ContainerState {
        waiting: Some(Box::new(waiting)),
        ..Default::default()
    }
}

fn terminated(terminated: ContainerStateTerminated) -> ContainerState {
    ContainerState {
        terminated: Some(Box::new(terminated)),
        ..Default::default()
    }
}

/// A container whose end nobody saw.
fn lost(message: &str) -> ContainerStateTerminated {
    ContainerStateTerminated {
        reason: "ContainerStatusUnknown".to_owned(),
        message: message.to_owned(),
        exit_code: 137,
        ..Default::default()
    }
}

impl ListInput<'_> {
    /// One status for each container, in the order of the API: init containers as they run, others by name.
    pub(super) fn statuses(&self, containers: &[Container]) -> Vec<ContainerStatus> {
        let mut statuses: Vec<_> = containers.iter().map(|container| self.status(container)).collect();
        if !self.init {
            statuses.sort_by(|a, b| a.name.cmp(&b.name));
        }
        statuses
    }

    fn status(&self, container: &Container) -> ContainerStatus {
        let old = self.previous.iter().find(|status| status.name == container.name);
        let mut records = self
            .record
            .containers
            .iter()
            .filter(|record| record.name == container.name);
        let mut status = match records.next() {
            Some(latest) => {
                let mut status = self.with_record(container, latest, old);
                if let Some(before) = records.next() {
                    status.last_state = self.with_record(container, before, None).state;
                }
                status
            }
            None => self.without_record(container, old),
        };
        if self.init && self.is_done(container, &mut status) {
            return status;
        }
        if let Some(failure) = self.failures.get(&container.name)
            && should_be_restarted(container, self.pod, self.record)
        {
            if status.state.terminated.is_some() {
                status.last_state = std::mem::take(&mut status.state);
            }
            status.state = waiting(&failure.reason, &failure.message);
        }
        status
    }

    /// Whether an init container is through, and is not started again whatever failed before.
    fn is_done(&self, container: &Container, status: &mut ContainerStatus) -> bool {
        match self.record.find(&container.name) {
            Some(record) => record.state == State::Exited && record.exit_code == 0 && !is_sidecar(container),
            None => {
                let done = status.state.waiting.is_some()
                    && !is_sidecar(container)
                    && has_any_regular_container(self.pod, self.record);
                if done {
                    status.state = terminated(ContainerStateTerminated {
                        reason: "Completed".to_owned(),
                        message: "Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally".to_owned(),
                        ..Default::default()
                    });
                }
                done
            }
        }
    }

    fn mounts(&self, container: &Container) -> Vec<VolumeMountStatus> {
        let mount = |mount: &k8s_api::core::v1::VolumeMount| VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: mount.read_only,
            recursive_read_only: mount.read_only.then(|| "Disabled".to_owned()),
            volume_status: None,
        };
        container.volume_mounts.iter().map(mount).collect()
    }

    fn without_record(&self, container: &Container, old: Option<&ContainerStatus>) -> ContainerStatus {
        let default = if self.pod.spec.init_containers.is_empty() {
            "ContainerCreating"
        } else {
            "PodInitializing"
        };
        let mut status = ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone(),
            state: waiting(default, ""),
            volume_mounts: self.mounts(container),
            ..Default::default()
        };
        let Some(old) = old else { return status };
        if self.restarting && old.state.waiting.is_none() {
            const MESSAGE: &str = "The container is removed because RestartAllContainers in place";
            status.state = waiting(RESTARTING_ALL, MESSAGE);
            status.last_state = terminated(ContainerStateTerminated {
                reason: RESTARTING_ALL.to_owned(),
                ..lost(MESSAGE)
            });
            status.restart_count = old.restart_count + 1;
            return status;
        }
        if old.state.terminated.is_some() {
            return old.clone();
        }
        status.restart_count = old.restart_count;
        status.last_state = old.last_state.clone();
        if old.state.running.is_some() && status.last_state.terminated.is_none() {
            let message =
                "The container could not be located when the pod was deleted.  The container used to be Running";
            status.last_state = terminated(lost(message));
            if self.pod.metadata.deletion_timestamp.is_none() {
                status.restart_count += 1;
            }
        }
        status
    }

    fn with_record(
        &self,
        container: &Container,
        record: &ContainerRecord,
        old: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let container_id = format!("{}://{}", self.runtime, record.id);
        let time = |time: Option<std::time::SystemTime>| time.map(Time::from);
        let mut restart_count = record.restart_count;
        let mut last_state = ContainerState::default();
        if let Some(old) = old {
            restart_count = restart_count.max(old.restart_count);
            if old.container_id != container_id && old.state.terminated.is_some() {
                last_state = old.state.clone();
            } else {
                last_state = old.last_state.clone();
            }
        }
        let was_running = old.is_some_and(|old| old.state.running.is_some());
        let state = match record.state {
            State::Running => {
                let running = ContainerStateRunning {
                    started_at: time(record.started_at),
                };
                ContainerState {
                    running: Some(Box::new(running)),
                    ..Default::default()
                }
            }
            State::Exited => terminated(ContainerStateTerminated {
                container_id: container_id.clone(),
                exit_code: record.exit_code,
                finished_at: time(record.finished_at),
                message: record.message.clone(),
                reason: record.reason.clone(),
                signal: 0,
                started_at: time(record.started_at),
            }),
            State::Unknown if was_running => {
                restart_count += 1;
                terminated(lost("The container could not be located when the pod was terminated"))
            }
            State::Created | State::Unknown => waiting("", ""),
        };
        let user = record.user.as_ref().map(|user| {
            let linux = LinuxContainerUser {
                uid: user.uid,
                gid: user.gid,
                supplemental_groups: user.supplemental_groups.clone(),
            };
            Box::new(ContainerUser {
                linux: Some(Box::new(linux)),
            })
        });
        ContainerStatus {
            name: record.name.clone(),
            image: record.image.clone(),
            image_id: record.image_ref.clone(),
            container_id,
            restart_count,
            state,
            last_state,
            allocated_resources: container.resources.requests.clone(),
            resources: Some(Box::new(container.resources.clone())),
            stop_signal: record.stop_signal.map(str::to_owned),
            user,
            volume_mounts: self.mounts(container),
            ..Default::default()
        }
    }
}
