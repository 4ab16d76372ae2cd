//! One step of a pod towards what its specification says.

use std::sync::Arc;
use std::time::SystemTime;

use cri_client::api::{Image, PodSandboxConfig, PodSandboxStatus};
use futures::future::join_all;
use k8s_api::core::v1::{Container, Pod, Secret};
use kubelet_types::container::{from_ephemeral, is_sidecar};
use kubelet_types::pod::format_pod;
use kubelet_types::seams::{EventType, pod_reference};
use kubelet_volume::PodVolumes;

use crate::actions::{self, KillReason, PodActions, Reset};
use crate::credentials::Keyring;
use crate::runtime::KubeRuntime;
use crate::status::{PodRecord, sandbox_ips};

/// Why a container was not started; becomes its waiting state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    /// The reason.
    pub reason: String,
    /// The message.
    pub message: String,
    /// When trying again makes sense, if that is known.
    pub retry_at: Option<SystemTime>,
}

impl StartFailure {
    pub(crate) fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: message.into(),
            retry_at: None,
        }
    }
}

/// What a sync works on.
pub struct SyncContext<'a> {
    /// The pod.
    pub pod: &'a Arc<Pod>,
    /// What the runtime holds of it.
    pub record: &'a PodRecord,
    /// Its volumes, set up.
    pub volumes: &'a PodVolumes,
    /// Its pull secrets.
    pub pull_secrets: &'a [Arc<Secret>],
    /// The cgroup that its containers are made in.
    pub cgroup_parent: &'a str,
    /// The node's addresses.
    pub host_ips: &'a [String],
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Each container that was tried, and why it failed if it did.
    pub containers: Vec<(String, Result<(), StartFailure>)>,
    /// What failed apart from containers.
    pub error: Option<String>,
    /// Whether anything was done, so that the runtime holds something else now.
    pub changed: bool,
    /// Whether there is more to do at once.
    pub again: bool,
    /// All that the runtime holds of a pod that was made from nothing, without a failure.
    pub made: Option<PodIds>,
}

/// What the runtime holds of a pod, by its ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodIds {
    pub(crate) sandboxes: Vec<String>,
    pub(crate) containers: Vec<String>,
}

impl SyncOutcome {
    /// Whether something is to be tried again.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.error.is_some() || self.containers.iter().any(|(_, result)| result.is_err())
    }

    /// The earliest moment at which trying again makes sense, if every failure tells one.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        if self.error.is_some() {
            return None;
        }
        let failures = self.containers.iter().filter_map(|(_, result)| result.as_ref().err());
        let moments: Option<Vec<_>> = failures.map(|failure| failure.retry_at).collect();
        moments?.into_iter().min()
    }
}

/// What starting a container takes beside the pod.
pub(crate) struct StartContext<'a> {
    pub(crate) sandbox_id: &'a str,
    pub(crate) sandbox: &'a PodSandboxConfig,
    pub(crate) ips: &'a [String],
    pub(crate) keyring: &'a Keyring,
    pub(crate) runtime_handler: &'a str,
    /// An image that was looked for a moment ago, and what was found.
    pub(crate) looked_for: Option<&'a (String, Image)>,
}

impl KubeRuntime {
    /// Does what has to be done for a pod now.
    pub async fn sync_pod(&self, context: &SyncContext<'_>) -> SyncOutcome {
        let pod = context.pod;
        let actions = actions::compute(pod, context.record, &self.parts.results, &self.name);
        let mut outcome = SyncOutcome::default();
        if !actions.reset.is_empty() {
            outcome.changed = true;
            match self.reset(context, &actions.reset).await {
                Ok(()) => outcome.again = true,
                Err(error) => outcome.error = Some(error),
            }
            return outcome;
        }
        if let Err(error) = self.make_room(context, &actions, &mut outcome).await {
            outcome.error = Some(error);
            return outcome;
        }
        let nothing = actions.ephemeral.is_empty() && actions.init.is_empty() && actions.containers.is_empty();
        if !actions.create_sandbox && (nothing || actions.kill_pod) {
            return outcome;
        }
        if let Err(error) = self.start_all(context, &actions, &mut outcome).await {
            outcome.error = Some(error);
        }
        outcome
    }

    /// Ends and removes containers, without grace and with their logs kept, for the pod to start from the beginning.
    async fn reset(&self, context: &SyncContext<'_>, containers: &[Reset]) -> Result<(), String> {
        for reset in containers {
            let record = context.record.containers.iter().find(|held| held.id == reset.id);
            if let Some(record) = record.filter(|_| reset.kill) {
                let reason = KillReason::Other;
                self.kill_container(context.pod, record, "killing", reason, Some(0), None)
                    .await?;
            }
            let removed = self.parts.runtime.remove_container(&reset.id).await;
            removed.map_err(|error| format!("failed to remove container {:?}: {error}", reset.name))?;
        }
        Ok(())
    }

    /// Kills what is to go, and removes what would be in the way.
    async fn make_room(
        &self,
        context: &SyncContext<'_>,
        actions: &PodActions,
        outcome: &mut SyncOutcome,
    ) -> Result<(), String> {
        let (pod, record) = (context.pod, context.record);
        if actions.kill_pod {
            if actions.create_sandbox && !actions.sandbox_id.is_empty() {
                let message = "Pod sandbox changed, it will be killed and re-created.";
                self.parts
                    .recorder
                    .event(&pod_reference(pod), EventType::Normal, "SandboxChanged", message);
            }
            if !record.is_stopped() {
                outcome.changed = true;
                self.kill_pod(Some(pod), record, None).await?;
            }
            if actions.create_sandbox {
                self.remove_init_containers(pod, record, true).await;
            }
            return Ok(());
        }
        let kills = actions.kill.iter().map(async |kill| {
            let container = record.containers.iter().find(|container| container.id == kill.id);
            let Some(container) = container else { return Ok(()) };
            self.kill_container(pod, container, &kill.message, kill.reason, None, None)
                .await
        });
        outcome.changed |= !actions.kill.is_empty();
        for result in join_all(kills).await {
            result?;
        }
        if !actions.init.is_empty() {
            self.remove_init_containers(pod, record, false).await;
        }
        Ok(())
    }

    async fn start_all(
        &self,
        context: &SyncContext<'_>,
        actions: &PodActions,
        outcome: &mut SyncOutcome,
    ) -> Result<(), String> {
        let pod = context.pod;
        let handler = self.runtime_handler(pod).await?;
        let config = self
            .sandbox_config(pod, actions.attempt, context.cgroup_parent)
            .map_err(|error| format!("GeneratePodSandboxConfig for pod {:?} failed: {error}", format_pod(pod)))?;
        let mut looked_for = None;
        let (sandbox_id, mut ips) = if actions.create_sandbox {
            outcome.changed = true;
            // The first image is looked for while the sandbox is made, which takes far longer.
            let first = actions.init.first().map(|index| &pod.spec.init_containers[*index]);
            let first = first.or_else(|| actions.containers.first().map(|index| &pod.spec.containers[*index]));
            let look_for = async { self.puller.look_for(first?, &config, &handler).await };
            let (status, image) = futures::join!(self.create_sandbox(pod, &config, &handler), look_for);
            let status = status?;
            looked_for = image;
            (status.id.clone(), sandbox_ips(&status))
        } else {
            (actions.sandbox_id.clone(), context.record.ips.clone())
        };
        if actions.create_sandbox && context.record.sandboxes.is_empty() && context.record.containers.is_empty() {
            outcome.made = Some(PodIds {
                sandboxes: vec![sandbox_id.clone()],
                containers: Vec::new(),
            });
        }
        if pod.spec.host_network {
            ips = context.host_ips.to_vec();
        }
        let keyring = Keyring::from_secrets(context.pull_secrets);
        let start = StartContext {
            sandbox_id: &sandbox_id,
            sandbox: &config,
            ips: &ips,
            keyring: &keyring,
            runtime_handler: &handler,
            looked_for: looked_for.as_ref(),
        };
        for index in &actions.ephemeral {
            let container = &pod.spec.ephemeral_containers[*index];
            let target = Some(container.target_container_name.as_str()).filter(|name| !name.is_empty());
            self.start_and_note(context, &start, &from_ephemeral(container), target, outcome)
                .await;
        }
        for index in &actions.init {
            let container = &pod.spec.init_containers[*index];
            let started = self.start_and_note(context, &start, container, None, outcome).await;
            // What comes after a failed init container has to wait; a failed sidecar holds up nothing that runs already.
            if !started && !is_sidecar(container) {
                return Ok(());
            }
        }
        for index in &actions.containers {
            self.start_and_note(context, &start, &pod.spec.containers[*index], None, outcome)
                .await;
        }
        Ok(())
    }

    async fn start_and_note(
        &self,
        context: &SyncContext<'_>,
        start: &StartContext<'_>,
        container: &Container,
        target: Option<&str>,
        outcome: &mut SyncOutcome,
    ) -> bool {
        let result = self.start_container(context, start, container, target).await;
        let started = result.is_ok();
        match (&mut outcome.made, &result) {
            (Some(made), Ok(id)) => made.containers.push(id.clone()),
            // What was made before the failure, only the runtime knows.
            (made, Err(_)) => *made = None,
            (None, Ok(_)) => {}
        }
        let waits = result
            .as_ref()
            .is_err_and(|failure| failure.reason == "CrashLoopBackOff");
        outcome.changed |= !waits;
        outcome.containers.push((container.name.clone(), result.map(drop)));
        started
    }

    async fn runtime_handler(&self, pod: &Pod) -> Result<String, String> {
        let Some(class) = pod.spec.runtime_class_name.as_deref().filter(|class| !class.is_empty()) else {
            return Ok(String::new());
        };
        let found = self.parts.objects.runtime_handler(class).await;
        found.map_err(|error| format!("failed to get sandbox runtime: failed to get RuntimeClass {class:?}: {error}"))
    }

    async fn create_sandbox(
        &self,
        pod: &Pod,
        config: &PodSandboxConfig,
        handler: &str,
    ) -> Result<PodSandboxStatus, String> {
        let warn = |reason: &str, message: String| {
            self.parts
                .recorder
                .event(&pod_reference(pod), EventType::Warning, reason, &message);
        };
        self.make_log_directory(config)?;
        let id = self
            .parts
            .runtime
            .run_pod_sandbox(config, handler)
            .await
            .map_err(|error| {
                warn(
                    "FailedCreatePodSandBox",
                    format!("Failed to create pod sandbox: {error}"),
                );
                format!(
                    "failed to \"CreatePodSandbox\" for {:?} with CreatePodSandboxError: {error}",
                    format_pod(pod)
                )
            })?;
        let status = self
            .parts
            .runtime
            .pod_sandbox_status(&id, false)
            .await
            .map_err(|error| {
                warn(
                    "FailedStatusPodSandBox",
                    format!("Unable to get pod sandbox status: {error}"),
                );
                error.to_string()
            })?;
        status.status.ok_or_else(|| "pod sandbox status is nil".to_owned())
    }
}
