//! Starting a container.

use component_base::duration::GoDuration;
use k8s_api::core::v1::{Container, ObjectReference};
use kubelet_types::pod::format_pod;
use kubelet_types::seams::{EventType, container_reference};
use kubelet_volume::ImageVolume;

use crate::actions::KillReason;
use crate::image::ImageRequest;
use crate::runtime::KubeRuntime;
use crate::status::{ContainerRecord, ContainerState};
use crate::sync::{StartContext, StartFailure, SyncContext};

impl KubeRuntime {
    /// Makes and starts a container; gives its id.
    pub(crate) async fn start_container(
        &self,
        context: &SyncContext<'_>,
        start: &StartContext<'_>,
        container: &Container,
        target: Option<&str>,
    ) -> Result<String, StartFailure> {
        let pod = context.pod;
        let reference = container_reference(pod, &container.name);
        self.check_backoff(context, container, &reference)?;
        let warn = |reason: &str, message: &str| {
            self.parts
                .recorder
                .event(&reference, EventType::Warning, reason, &format!("Error: {message}"));
        };
        let normal = |reason: &str, message: &str| {
            self.parts
                .recorder
                .event(&reference, EventType::Normal, reason, message)
        };
        let request = |image, policy| ImageRequest {
            uid: &pod.metadata.uid,
            image,
            policy,
            keyring: start.keyring,
            reference: &reference,
            sandbox: start.sandbox,
            runtime_handler: start.runtime_handler,
            looked_for: start.looked_for,
        };
        for mount in &container.volume_mounts {
            if let Some(ImageVolume { reference, pull_policy }) =
                context.volumes.get(&mount.name).and_then(|it| it.image.as_ref())
            {
                self.puller.ensure(&request(reference, pull_policy)).await?;
            }
        }
        let image = self
            .puller
            .ensure(&request(&container.image, &container.image_pull_policy))
            .await;
        let image = image.inspect_err(|failure| warn("Failed", &failure.reason))?;

        let record = context.record;
        let restart_count = match record.find(&container.name) {
            Some(previous) if previous.state == ContainerState::Created => {
                // It never ran, so that the next one is no restart, and takes its place.
                // The runtime may be at it still: it is asked again then.
                let removed = self.parts.runtime.remove_container(&previous.id).await;
                removed.map_err(|error| StartFailure::new("CreateContainerError", error.message()))?;
                previous.restart_count
            }
            Some(previous) => previous.restart_count + 1,
            None => self.restart_count_by_logs(pod, container),
        };
        let config_failed = |message: String| {
            warn("Failed", &message);
            StartFailure::new("CreateContainerConfigError", message)
        };
        let target = match target {
            None => None,
            Some(name) => {
                let found = record.find(name).filter(|found| found.state == ContainerState::Running);
                let found = found.ok_or_else(|| config_failed(format!("unable to find target container {name}")))?;
                Some(found.id.as_str())
            }
        };
        let config = self
            .container_config(context, container, &image, restart_count, start.ips, target)
            .await;
        let config = config.map_err(config_failed)?;
        let runtime = &self.parts.runtime;
        let id = runtime
            .create_container(start.sandbox_id, &config, start.sandbox)
            .await
            .map_err(|error| {
                warn("Failed", &error.message());
                StartFailure::new("CreateContainerError", error.message())
            })?;
        normal("Created", "Container created");
        runtime.start_container(&id).await.map_err(|error| {
            warn("Failed", &error.message());
            StartFailure::new("RunContainerError", error.message())
        })?;
        normal("Started", "Container started");
        let log = std::path::Path::new(&start.sandbox.log_directory).join(&config.log_path);
        self.link_log(pod, &container.name, &id, &log);
        self.post_start(context, start, container, &id, &reference).await?;
        Ok(id)
    }

    /// Holds back a container that failed a short while ago.
    fn check_backoff(
        &self,
        context: &SyncContext<'_>,
        container: &Container,
        reference: &ObjectReference,
    ) -> Result<(), StartFailure> {
        let pod = context.pod;
        let exited = |it: &&ContainerRecord| it.name == container.name && it.state == ContainerState::Exited;
        let Some(exited) = context.record.containers.iter().find(exited) else {
            return Ok(());
        };
        let ended = exited.finished_at.unwrap_or_else(|| self.parts.clock.now());
        let meta = &pod.metadata;
        let hash = crate::labels::hash(container);
        let key = format!(
            "{}_{}_{}_{}_{hash:x}",
            meta.name, meta.namespace, meta.uid, container.name
        );
        if !self.backoff.is_in_backoff_since(&key, ended) {
            self.backoff.next(&key, ended);
            return Ok(());
        }
        let message = format!(
            "Back-off restarting failed container {} in pod {}",
            container.name,
            format_pod(pod)
        );
        self.parts
            .recorder
            .event(reference, EventType::Warning, "BackOff", &message);
        let delay = self.backoff.get(&key);
        let shown = GoDuration::from(delay);
        let message = format!(
            "back-off {shown} restarting failed container={} pod={}",
            container.name,
            format_pod(pod)
        );
        Err(StartFailure {
            retry_at: Some(ended + delay),
            ..StartFailure::new("CrashLoopBackOff", message)
        })
    }

    async fn post_start(
        &self,
        context: &SyncContext<'_>,
        start: &StartContext<'_>,
        container: &Container,
        id: &str,
        reference: &ObjectReference,
    ) -> Result<(), StartFailure> {
        let handler = container
            .lifecycle
            .as_deref()
            .and_then(|lifecycle| lifecycle.post_start.as_deref());
        let Some(handler) = handler else { return Ok(()) };
        let ip = start.ips.first().map_or("", String::as_str);
        let Err(message) = self.run_hook(context.pod, container, id, ip, handler).await else {
            return Ok(());
        };
        tracing::warn!(message, "postStart hook");
        self.parts.recorder.event(
            reference,
            EventType::Warning,
            "FailedPostStartHook",
            "PostStartHook failed",
        );
        let record = self
            .pod_status(&context.record.uid, &context.record.name, &context.record.namespace)
            .await;
        let started = record
            .ok()
            .and_then(|record| record.containers.into_iter().find(|it| it.id == id));
        if let Some(started) = started {
            let reason = KillReason::FailedPostStartHook;
            let killed = self
                .kill_container(context.pod, &started, "FailedPostStartHook", reason, None, None)
                .await;
            if let Err(error) = killed {
                tracing::error!(error, id, "failed to kill container");
            }
        }
        Err(StartFailure::new("PostStartHookError", message))
    }
}
