//! [`RuntimeService`] of the in-memory runtime.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_stream::wrappers::BroadcastStream;

use super::model::{Container as HeldContainer, Sandbox, State, not_found, unknown};
use super::{FakeRuntime, OnTerm, Program, Stream, labels_match};
use crate::api::*;
use crate::error::{Code, Error, Result};
use crate::service::{EventStream, ExecSyncOutput, RuntimeService};

/// Where the streams of this runtime would be, if it served any.
const STREAMS: &str = "http://127.0.0.1:0";

/// The code of a program that was killed.
const KILLED: i32 = 137;

impl FakeRuntime {
    /// Lets a container's program run in the background.
    fn run(&self, id: &str, program: &Program) {
        if let Some((period, line)) = program.ticks.clone() {
            let id = id.to_owned();
            self.task(|shared| async move {
                loop {
                    let Some(shared) = shared.upgrade() else { return };
                    {
                        let mut state = shared.state.lock();
                        let Ok(container) = state.container_mut(&id) else {
                            return;
                        };
                        if container.status.state() != ContainerState::Running {
                            return;
                        }
                        let now = shared.now();
                        container.write_log(now, Stream::Stdout, &line);
                    }
                    drop(shared);
                    sleep(period).await;
                }
            });
        }
        if let Some(duration) = program.run_for {
            let (id, code) = (id.to_owned(), program.exit_code);
            self.task(|shared| async move {
                sleep(duration).await;
                if let Some(shared) = shared.upgrade() {
                    shared.finish(&mut shared.state.lock(), &id, code, None);
                }
            });
        }
    }

    /// Ends all that runs in a sandbox and takes its network away.
    fn halt(&self, state: &mut State, id: &str) {
        let inside: Vec<_> = state
            .containers
            .iter()
            .filter(|(_, c)| c.sandbox == id)
            .map(|(id, _)| id.clone())
            .collect();
        for container in inside {
            if state
                .container(&container)
                .is_ok_and(|c| c.status.state() == ContainerState::Running)
            {
                self.shared.finish(state, &container, KILLED, None);
            }
        }
        let stopped = state.sandboxes.get_mut(id).is_some_and(|sandbox| {
            let was_ready = sandbox.status.state() == PodSandboxState::Ready;
            sandbox.status.set_state(PodSandboxState::NotReady);
            sandbox.status.network = None;
            was_ready
        });
        if stopped {
            self.shared.send_event(state, id, ContainerEventType::Stopped);
        }
    }

    /// Removes a container and tells subscribers.
    fn discard(&self, state: &mut State, id: &str) {
        if let Some(container) = state.containers.get(id) {
            if container.status.state() == ContainerState::Running {
                self.shared.finish(state, id, KILLED, None);
            }
            self.shared.send_event(state, id, ContainerEventType::Deleted);
            state.containers.remove(id);
        }
    }
}

/// The name that a runtime reserves for a sandbox.
fn reserved_name(metadata: &PodSandboxMetadata) -> String {
    format!(
        "{}_{}_{}_{}",
        metadata.name, metadata.namespace, metadata.uid, metadata.attempt
    )
}

/// The statistics of a container that nothing was set for.
fn measured(state: &State, container: &HeldContainer, now: i64) -> ContainerStats {
    let status = &container.status;
    let zero = Some(UInt64Value { value: 0 });
    let mut stats = state.stats.get(&status.id).cloned().unwrap_or_else(|| ContainerStats {
        cpu: Some(CpuUsage {
            timestamp: now,
            usage_core_nano_seconds: zero,
            ..Default::default()
        }),
        memory: Some(MemoryUsage {
            timestamp: now,
            working_set_bytes: zero,
            ..Default::default()
        }),
        ..Default::default()
    });
    stats.attributes = Some(ContainerAttributes {
        id: status.id.clone(),
        metadata: status.metadata.clone(),
        labels: status.labels.clone(),
        annotations: status.annotations.clone(),
    });
    stats
}

fn sandbox_measured(state: &State, sandbox: &Sandbox, now: i64) -> PodSandboxStats {
    let status = &sandbox.status;
    let running = |c: &&HeldContainer| c.sandbox == status.id && c.status.state() == ContainerState::Running;
    let containers = state
        .containers
        .values()
        .filter(running)
        .map(|c| measured(state, c, now))
        .collect();
    PodSandboxStats {
        attributes: Some(PodSandboxAttributes {
            id: status.id.clone(),
            metadata: status.metadata.clone(),
            labels: status.labels.clone(),
            annotations: status.annotations.clone(),
        }),
        linux: Some(LinuxPodSandboxStats {
            containers,
            ..Default::default()
        }),
        windows: None,
    }
}

/// Containers run, sandboxes are ready: anything else is refused in the runtime's words.
fn must_run(container: &HeldContainer) -> Result<()> {
    match container.status.state() {
        ContainerState::Running => Ok(()),
        other => Err(unknown(format!("container is in {} state", other.as_str_name()))),
    }
}

fn info(verbose: bool) -> std::collections::BTreeMap<String, String> {
    if verbose {
        [("info".to_owned(), "{}".to_owned())].into()
    } else {
        Default::default()
    }
}

#[async_trait]
impl RuntimeService for FakeRuntime {
    async fn version(&self, _api_version: &str) -> Result<VersionResponse> {
        self.enter(Method::Version, "").await?;
        Ok(VersionResponse {
            version: "0.1.0".to_owned(),
            runtime_name: "fake".to_owned(),
            runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime_api_version: "v1".to_owned(),
        })
    }

    async fn run_pod_sandbox(&self, config: &PodSandboxConfig, runtime_handler: &str) -> Result<String> {
        let metadata = config
            .metadata
            .clone()
            .ok_or_else(|| unknown("sandbox config must include metadata"))?;
        let name = reserved_name(&metadata);
        self.enter(Method::RunPodSandbox, &metadata.name).await?;
        let mut state = self.shared.state.lock();
        let holder = state
            .sandboxes
            .values()
            .find(|s| s.status.metadata.as_ref() == Some(&metadata));
        if let Some(holder) = holder {
            let id = &holder.status.id;
            return Err(unknown(format!(
                "failed to reserve sandbox name {name:?}: name {name:?} is reserved for {id:?}"
            )));
        }
        let context = config.linux.as_ref().and_then(|linux| linux.security_context.as_ref());
        let options = context
            .and_then(|context| context.namespace_options.clone())
            .unwrap_or_default();
        let id = state.new_id();
        let ip = if options.network() == NamespaceMode::Node {
            String::new()
        } else {
            state.new_address()
        };
        let status = PodSandboxStatus {
            id: id.clone(),
            metadata: Some(metadata),
            state: PodSandboxState::Ready as i32,
            created_at: self.shared.now(),
            network: Some(PodSandboxNetworkStatus {
                ip,
                additional_ips: Vec::new(),
            }),
            linux: Some(LinuxPodSandboxStatus {
                namespaces: Some(Namespace { options: Some(options) }),
            }),
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            runtime_handler: runtime_handler.to_owned(),
        };
        state.sandboxes.insert(
            id.clone(),
            Sandbox {
                config: config.clone(),
                status,
            },
        );
        self.shared.send_event(&state, &id, ContainerEventType::Created);
        self.shared.send_event(&state, &id, ContainerEventType::Started);
        Ok(id)
    }

    async fn stop_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()> {
        self.enter(Method::StopPodSandbox, pod_sandbox_id).await?;
        let mut state = self.shared.state.lock();
        state.sandbox(pod_sandbox_id)?;
        self.halt(&mut state, pod_sandbox_id);
        Ok(())
    }

    async fn remove_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()> {
        self.enter(Method::RemovePodSandbox, pod_sandbox_id).await?;
        let mut state = self.shared.state.lock();
        if state.sandbox(pod_sandbox_id).is_err() {
            return Ok(());
        }
        self.halt(&mut state, pod_sandbox_id);
        let inside = state
            .containers
            .iter()
            .filter(|(_, container)| container.sandbox == pod_sandbox_id);
        for id in inside.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.discard(&mut state, &id);
        }
        self.shared
            .send_event(&state, pod_sandbox_id, ContainerEventType::Deleted);
        state.sandboxes.remove(pod_sandbox_id);
        Ok(())
    }

    async fn pod_sandbox_status(&self, pod_sandbox_id: &str, verbose: bool) -> Result<PodSandboxStatusResponse> {
        self.enter(Method::PodSandboxStatus, pod_sandbox_id).await?;
        let state = self.shared.state.lock();
        let status = state.sandbox(pod_sandbox_id)?.status.clone();
        Ok(PodSandboxStatusResponse {
            status: Some(status),
            info: info(verbose),
            ..Default::default()
        })
    }

    async fn list_pod_sandboxes(&self, filter: Option<PodSandboxFilter>) -> Result<Vec<PodSandbox>> {
        self.enter(Method::ListPodSandbox, "").await?;
        let filter = filter.unwrap_or_default();
        let state = self.shared.state.lock();
        let statuses = state
            .sandboxes
            .values()
            .map(|sandbox| &sandbox.status)
            .filter(|status| {
                (filter.id.is_empty() || filter.id == status.id)
                    && filter.state.is_none_or(|wanted| wanted.state == status.state)
                    && labels_match(&status.labels, &filter.label_selector)
            });
        let items = statuses.map(|status| PodSandbox {
            id: status.id.clone(),
            metadata: status.metadata.clone(),
            state: status.state,
            created_at: status.created_at,
            labels: status.labels.clone(),
            annotations: status.annotations.clone(),
            runtime_handler: status.runtime_handler.clone(),
        });
        Ok(items.collect())
    }

    async fn port_forward(&self, request: PortForwardRequest) -> Result<PortForwardResponse> {
        self.enter(Method::PortForward, &request.pod_sandbox_id).await?;
        self.shared.state.lock().sandbox(&request.pod_sandbox_id)?;
        Ok(PortForwardResponse {
            url: format!("{STREAMS}/portforward/{}", request.pod_sandbox_id),
        })
    }

    async fn update_pod_sandbox_resources(&self, request: UpdatePodSandboxResourcesRequest) -> Result<()> {
        self.enter(Method::UpdatePodSandboxResources, &request.pod_sandbox_id)
            .await?;
        let mut state = self.shared.state.lock();
        let sandbox = state.sandbox_mut(&request.pod_sandbox_id)?;
        let linux = sandbox.config.linux.get_or_insert_default();
        linux.overhead = request.overhead;
        linux.resources = request.resources;
        Ok(())
    }

    async fn create_container(
        &self,
        pod_sandbox_id: &str,
        config: &ContainerConfig,
        _sandbox_config: &PodSandboxConfig,
    ) -> Result<String> {
        let metadata = config
            .metadata
            .clone()
            .ok_or_else(|| unknown("container config must include metadata"))?;
        self.enter(Method::CreateContainer, &metadata.name).await?;
        let mut state = self.shared.state.lock();
        let missing = || not_found(format!("failed to find sandbox id {pod_sandbox_id:?}"));
        let sandbox = state.sandboxes.get(pod_sandbox_id).ok_or_else(missing)?;
        if sandbox.status.state() != PodSandboxState::Ready {
            return Err(unknown(format!(
                "failed to get sandbox container task: no running task found for {pod_sandbox_id}"
            )));
        }
        let taken = |c: &&HeldContainer| c.sandbox == pod_sandbox_id && c.status.metadata.as_ref() == Some(&metadata);
        if let Some(holder) = state.containers.values().find(taken) {
            let (name, id) = (format!("{}_{}", metadata.name, metadata.attempt), &holder.status.id);
            return Err(unknown(format!(
                "failed to reserve container name {name:?}: name {name:?} is reserved for {id:?}"
            )));
        }
        let log_directory = &sandbox.config.log_directory;
        let log_path = if log_directory.is_empty() || config.log_path.is_empty() {
            String::new()
        } else {
            format!("{log_directory}/{}", config.log_path)
        };
        let spec = config.image.clone().unwrap_or_default();
        let image = state.image(&spec.image);
        let image = image.ok_or_else(|| not_found(format!("failed to resolve image {:?}", spec.image)))?;
        let (image_id, image_ref) = (
            image.id.clone(),
            image.repo_digests.first().unwrap_or(&image.id).clone(),
        );
        let command: Vec<_> = config.command.iter().chain(&config.args).cloned().collect();
        let program = state.programs.get(&command).cloned().unwrap_or_default();
        let id = state.new_id();
        let linux = config.linux.as_ref().and_then(|linux| linux.resources.clone());
        let status = ContainerStatus {
            id: id.clone(),
            metadata: Some(metadata),
            state: ContainerState::Created as i32,
            created_at: self.shared.now(),
            image: Some(spec),
            image_ref,
            image_id,
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            mounts: config.mounts.clone(),
            log_path,
            resources: Some(ContainerResources { linux, windows: None }),
            stop_signal: config.stop_signal,
            ..Default::default()
        };
        let ended = watch::Sender::new(false);
        let container = HeldContainer {
            sandbox: pod_sandbox_id.to_owned(),
            program,
            status,
            ended,
            log: None,
        };
        state.containers.insert(id.clone(), container);
        self.shared.send_event(&state, &id, ContainerEventType::Created);
        Ok(id)
    }

    async fn start_container(&self, container_id: &str) -> Result<()> {
        self.enter(Method::StartContainer, container_id).await?;
        let program = {
            let mut state = self.shared.state.lock();
            let now = self.shared.now();
            let container = state.container_mut(container_id)?;
            if container.status.state() != ContainerState::Created {
                let name = container.status.state().as_str_name();
                return Err(unknown(format!(
                    "failed to start container: container is in {name} state"
                )));
            }
            container.open_log()?;
            container.status.set_state(ContainerState::Running);
            container.status.started_at = now;
            let program = container.program.clone();
            for (stream, text) in &program.output {
                container.write_log(now, *stream, text);
            }
            self.shared
                .send_event(&state, container_id, ContainerEventType::Started);
            program
        };
        self.run(container_id, &program);
        Ok(())
    }

    async fn stop_container(&self, container_id: &str, timeout: Duration) -> Result<()> {
        self.enter(Method::StopContainer, container_id).await?;
        let (on_term, mut ended) = {
            let state = self.shared.state.lock();
            let container = state.container(container_id)?;
            if container.status.state() != ContainerState::Running {
                return Ok(());
            }
            (container.program.on_term, container.ended.subscribe())
        };
        let code = match on_term {
            OnTerm::Exit(code) if !timeout.is_zero() => code,
            _ => {
                // It may still end by itself meanwhile; the sender lives as long as the container.
                tokio::select! {
                    _ = ended.wait_for(|ended| *ended) => {}
                    () = sleep(timeout) => {}
                }
                KILLED
            }
        };
        self.shared
            .finish(&mut self.shared.state.lock(), container_id, code, None);
        Ok(())
    }

    async fn remove_container(&self, container_id: &str) -> Result<()> {
        self.enter(Method::RemoveContainer, container_id).await?;
        self.discard(&mut self.shared.state.lock(), container_id);
        Ok(())
    }

    async fn list_containers(&self, filter: Option<ContainerFilter>) -> Result<Vec<Container>> {
        self.enter(Method::ListContainers, "").await?;
        let filter = filter.unwrap_or_default();
        let state = self.shared.state.lock();
        let held = state.containers.values().filter(|container| {
            let status = &container.status;
            (filter.id.is_empty() || filter.id == status.id)
                && (filter.pod_sandbox_id.is_empty() || filter.pod_sandbox_id == container.sandbox)
                && filter.state.is_none_or(|wanted| wanted.state == status.state)
                && labels_match(&status.labels, &filter.label_selector)
        });
        let items = held.map(|container| {
            let status = container.status.clone();
            Container {
                id: status.id,
                pod_sandbox_id: container.sandbox.clone(),
                metadata: status.metadata,
                image: status.image,
                image_ref: status.image_ref,
                state: status.state,
                created_at: status.created_at,
                labels: status.labels,
                annotations: status.annotations,
                image_id: status.image_id,
            }
        });
        Ok(items.collect())
    }

    async fn container_status(&self, container_id: &str, verbose: bool) -> Result<ContainerStatusResponse> {
        self.enter(Method::ContainerStatus, container_id).await?;
        let status = self.shared.state.lock().container(container_id)?.status.clone();
        Ok(ContainerStatusResponse {
            status: Some(status),
            info: info(verbose),
        })
    }

    async fn update_container_resources(&self, container_id: &str, resources: &ContainerResources) -> Result<()> {
        self.enter(Method::UpdateContainerResources, container_id).await?;
        self.shared.state.lock().container_mut(container_id)?.status.resources = Some(resources.clone());
        Ok(())
    }

    async fn reopen_container_log(&self, container_id: &str) -> Result<()> {
        self.enter(Method::ReopenContainerLog, container_id).await?;
        let mut state = self.shared.state.lock();
        let container = state.container_mut(container_id)?;
        if container.status.state() != ContainerState::Running {
            return Err(unknown("container is not running"));
        }
        container.open_log()
    }

    async fn exec_sync(&self, container_id: &str, command: &[String], timeout: Duration) -> Result<ExecSyncOutput> {
        self.enter(Method::ExecSync, container_id).await?;
        let (program, mut ended) = {
            let state = self.shared.state.lock();
            let container = state.container(container_id)?;
            must_run(container)?;
            (
                state.programs.get(command).cloned().unwrap_or_default(),
                container.ended.subscribe(),
            )
        };
        let timed_out = || Error::CommandTimedOut {
            command: command.join(" "),
            timeout,
        };
        let runs = program.run_for.unwrap_or(Duration::MAX);
        let killed = tokio::select! {
            _ = ended.wait_for(|ended| *ended) => true,
            () = sleep(runs.min(if timeout.is_zero() { Duration::MAX } else { timeout })) => false,
        };
        if !killed && !timeout.is_zero() && runs > timeout {
            return Err(timed_out());
        }
        let written = |wanted: Stream| {
            let parts = program.output.iter().filter(|(stream, _)| *stream == wanted);
            parts.flat_map(|(_, text)| text.bytes()).collect()
        };
        let exit_code = if killed { KILLED } else { program.exit_code };
        Ok(ExecSyncOutput {
            stdout: written(Stream::Stdout),
            stderr: written(Stream::Stderr),
            exit_code,
        })
    }

    async fn exec(&self, request: ExecRequest) -> Result<ExecResponse> {
        self.enter(Method::Exec, &request.container_id).await?;
        must_run(self.shared.state.lock().container(&request.container_id)?)?;
        Ok(ExecResponse {
            url: format!("{STREAMS}/exec/{}", request.container_id),
        })
    }

    async fn attach(&self, request: AttachRequest) -> Result<AttachResponse> {
        self.enter(Method::Attach, &request.container_id).await?;
        must_run(self.shared.state.lock().container(&request.container_id)?)?;
        Ok(AttachResponse {
            url: format!("{STREAMS}/attach/{}", request.container_id),
        })
    }

    async fn container_stats(&self, container_id: &str) -> Result<Option<ContainerStats>> {
        self.enter(Method::ContainerStats, container_id).await?;
        let state = self.shared.state.lock();
        Ok(Some(measured(
            &state,
            state.container(container_id)?,
            self.shared.now(),
        )))
    }

    async fn list_container_stats(&self, filter: Option<ContainerStatsFilter>) -> Result<Vec<ContainerStats>> {
        self.enter(Method::ListContainerStats, "").await?;
        let filter = filter.unwrap_or_default();
        let state = self.shared.state.lock();
        let held = state.containers.values().filter(|container| {
            container.status.state() == ContainerState::Running
                && (filter.id.is_empty() || filter.id == container.status.id)
                && (filter.pod_sandbox_id.is_empty() || filter.pod_sandbox_id == container.sandbox)
                && labels_match(&container.status.labels, &filter.label_selector)
        });
        Ok(held
            .map(|container| measured(&state, container, self.shared.now()))
            .collect())
    }

    async fn pod_sandbox_stats(&self, pod_sandbox_id: &str) -> Result<Option<PodSandboxStats>> {
        self.enter(Method::PodSandboxStats, pod_sandbox_id).await?;
        let state = self.shared.state.lock();
        Ok(Some(sandbox_measured(
            &state,
            state.sandbox(pod_sandbox_id)?,
            self.shared.now(),
        )))
    }

    async fn list_pod_sandbox_stats(&self, filter: Option<PodSandboxStatsFilter>) -> Result<Vec<PodSandboxStats>> {
        self.enter(Method::ListPodSandboxStats, "").await?;
        let filter = filter.unwrap_or_default();
        let state = self.shared.state.lock();
        let held = state.sandboxes.values().filter(|sandbox| {
            (filter.id.is_empty() || filter.id == sandbox.status.id)
                && labels_match(&sandbox.status.labels, &filter.label_selector)
        });
        Ok(held
            .map(|sandbox| sandbox_measured(&state, sandbox, self.shared.now()))
            .collect())
    }

    async fn update_runtime_config(&self, config: RuntimeConfig) -> Result<()> {
        let cidr = config.network_config.unwrap_or_default().pod_cidr;
        self.enter(Method::UpdateRuntimeConfig, &cidr).await?;
        self.shared.state.lock().pod_cidr = cidr;
        Ok(())
    }

    async fn status(&self, verbose: bool) -> Result<StatusResponse> {
        self.enter(Method::Status, "").await?;
        let conditions = self.shared.state.lock().conditions.values().cloned().collect();
        let status = Some(RuntimeStatus { conditions });
        Ok(StatusResponse {
            status,
            info: info(verbose),
            ..Default::default()
        })
    }

    async fn checkpoint_container(&self, request: CheckpointContainerRequest) -> Result<()> {
        self.enter(Method::CheckpointContainer, &request.container_id).await?;
        must_run(self.shared.state.lock().container(&request.container_id)?)
    }

    async fn container_events(&self) -> Result<EventStream> {
        self.enter(Method::GetContainerEvents, "").await?;
        let lagged = |_| Error::status(Code::Aborted, "the subscriber is too slow, events are lost");
        let events = BroadcastStream::new(self.shared.events.subscribe());
        Ok(events.map(move |event| event.map_err(lagged)).boxed())
    }

    async fn list_metric_descriptors(&self) -> Result<Vec<MetricDescriptor>> {
        self.enter(Method::ListMetricDescriptors, "").await?;
        Ok(Vec::new())
    }

    async fn list_pod_sandbox_metrics(&self) -> Result<Vec<PodSandboxMetrics>> {
        self.enter(Method::ListPodSandboxMetrics, "").await?;
        let state = self.shared.state.lock();
        let named = |id: &String| PodSandboxMetrics {
            pod_sandbox_id: id.clone(),
            ..Default::default()
        };
        Ok(state.sandboxes.keys().map(named).collect())
    }

    async fn runtime_config(&self) -> Result<RuntimeConfigResponse> {
        self.enter(Method::RuntimeConfig, "").await?;
        let linux = LinuxRuntimeConfiguration {
            cgroup_driver: CgroupDriver::Cgroupfs as i32,
        };
        Ok(RuntimeConfigResponse { linux: Some(linux) })
    }
}
