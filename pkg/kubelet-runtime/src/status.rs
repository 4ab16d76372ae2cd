//! What the runtime holds of a pod.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cri_client::api::{ContainerState as CriState, ContainerStatus, PodSandboxState, PodSandboxStatus, Signal};
use kubelet_types::clock::from_unix_nanos;

use crate::labels::{self, read_annotations};

/// The reason that containerd gives for a container that could not be started.
const START_ERROR: &str = "StartError";

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerState {
    /// Made and not started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// The runtime does not know.
    Unknown,
}

impl ContainerState {
    /// The word of messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Unknown => "unknown",
        }
    }
}

impl From<CriState> for ContainerState {
    fn from(state: CriState) -> Self {
        match state {
            CriState::Created => Self::Created,
            CriState::Running => Self::Running,
            CriState::Exited => Self::Exited,
            CriState::Unknown => Self::Unknown,
        }
    }
}

/// What is known of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerRecord {
    /// The runtime's id.
    pub id: String,
    /// The name in the pod.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// When it was made.
    pub created_at: i64,
    /// When it was started.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: Option<SystemTime>,
    /// With which code.
    pub exit_code: i32,
    /// The image as it was asked for.
    pub image: String,
    /// The image as the API shows it.
    pub image_ref: String,
    /// The hash of what it was made from.
    pub hash: Option<u64>,
    /// How often it had been started before.
    pub restart_count: i32,
    /// Why it ended, in a word.
    pub reason: String,
    /// Its last words.
    pub message: String,
    /// The file that its log goes to.
    pub log_path: String,
    /// User and groups of its first process.
    pub user: Option<cri_client::api::LinuxContainerUser>,
    /// The signal that asks it to stop, if it is not the runtime's default.
    pub stop_signal: Option<&'static str>,
}

impl ContainerRecord {
    /// From the runtime's answer; `None` for a container that is not the kubelet's. `message` is what it left as last words.
    #[must_use]
    pub fn new(status: ContainerStatus, message: impl FnOnce(&ContainerStatus) -> String) -> Option<Self> {
        let name = status.labels.get(labels::CONTAINER_NAME)?.clone();
        let annotated = read_annotations(&status.annotations);
        let mut state = ContainerState::from(status.state());
        let message = if state == ContainerState::Exited {
            message(&status)
        } else {
            String::new()
        };
        // The one who started it went away meanwhile, and the runtime gave up: it never ran, and has not failed either.
        let interrupted = status.reason == START_ERROR && status.message.contains("context canceled");
        if state == ContainerState::Exited && status.started_at == 0 && interrupted {
            state = ContainerState::Created;
        }
        let image = status.image.as_ref();
        let shown = image.map(|image| {
            if image.user_specified_image.is_empty() {
                &image.image
            } else {
                &image.user_specified_image
            }
        });
        Some(Self {
            name,
            state,
            created_at: status.created_at,
            started_at: from_unix_nanos(status.started_at),
            finished_at: from_unix_nanos(status.finished_at),
            exit_code: status.exit_code,
            image: shown.cloned().unwrap_or_default(),
            image_ref: status.image_ref.clone(),
            hash: annotated.hash,
            restart_count: annotated.restart_count,
            message,
            log_path: status.log_path.clone(),
            user: status.user.as_ref().and_then(|user| user.linux.clone()),
            stop_signal: Some(status.stop_signal())
                .filter(|signal| *signal != Signal::RuntimeDefault)
                .map(|signal| signal.as_str_name()),
            reason: status.reason,
            id: status.id,
        })
    }
}

/// What is known of a pod's sandboxes and containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodRecord {
    /// The pod's uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its addresses, the primary one first.
    pub ips: Vec<String>,
    /// Every container, the latest first.
    pub containers: Vec<ContainerRecord>,
    /// Every sandbox, the latest first.
    pub sandboxes: Vec<PodSandboxStatus>,
}

impl PodRecord {
    /// Puts the latest first, and takes the addresses of the latest sandbox if it is ready.
    #[must_use]
    pub fn new(
        (uid, name, namespace): (String, String, String),
        mut containers: Vec<ContainerRecord>,
        mut sandboxes: Vec<PodSandboxStatus>,
    ) -> Self {
        containers.sort_by_key(|container| std::cmp::Reverse(container.created_at));
        sandboxes.sort_by_key(|sandbox| std::cmp::Reverse(sandbox.created_at));
        let ips = sandboxes
            .first()
            .filter(|it| it.state() == PodSandboxState::Ready)
            .map(sandbox_ips);
        Self {
            uid,
            name,
            namespace,
            ips: ips.unwrap_or_default(),
            containers,
            sandboxes,
        }
    }

    /// The latest container with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ContainerRecord> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// The containers that run.
    pub fn running(&self) -> impl Iterator<Item = &ContainerRecord> {
        self.containers
            .iter()
            .filter(|container| container.state == ContainerState::Running)
    }

    /// The sandbox that containers are made in, if it is ready.
    #[must_use]
    pub fn ready_sandbox(&self) -> Option<&PodSandboxStatus> {
        self.sandboxes
            .first()
            .filter(|sandbox| sandbox.state() == PodSandboxState::Ready)
    }

    /// Whether nothing runs any more: no container and no sandbox.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.running().next().is_none() && self.sandboxes.iter().all(|it| it.state() != PodSandboxState::Ready)
    }
}

/// The addresses of a sandbox.
#[must_use]
pub fn sandbox_ips(sandbox: &PodSandboxStatus) -> Vec<String> {
    let Some(network) = &sandbox.network else {
        return Vec::new();
    };
    let more = network.additional_ips.iter().map(|ip| ip.ip.clone());
    std::iter::once(network.ip.clone())
        .chain(more)
        .filter(|ip| !ip.is_empty())
        .collect()
}

/// A pod as a list of the runtime shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimePod {
    /// The pod's uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The states of its sandboxes by id.
    pub sandboxes: BTreeMap<String, bool>,
    /// The states of its containers by id.
    pub containers: BTreeMap<String, ContainerState>,
}

impl RuntimePod {
    /// Whether anything of it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.sandboxes.values().any(|ready| *ready) || self.containers.values().any(|it| *it == ContainerState::Running)
    }
}
