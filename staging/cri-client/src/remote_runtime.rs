//! [`RuntimeService`] over a runtime's socket, with upstream's deadlines.
//!
//! Ordinary calls have the configured timeout; making a sandbox has twice as long, stopping a container its grace period on
//! top, a command its own timeout on top (none if it has none), a checkpoint the longer of the two.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;

use crate::api::*;
use crate::connection::{ConnectOptions, Connection};
use crate::error::{Code, Error, Result};
use crate::service::{EventStream, ExecSyncOutput, RuntimeService};
use crate::verify;

/// The API version that is asked for.
const KUBE_RUNTIME_API_VERSION: &str = "0.1.0";

/// A runtime that is reached over gRPC.
#[derive(Clone, Debug)]
pub struct RemoteRuntimeService {
    connection: Connection,
}

impl RemoteRuntimeService {
    /// Connects, and checks that the runtime speaks v1.
    ///
    /// # Errors
    /// [`Error::Endpoint`] if the endpoint is none, [`Error::Validate`] if there is no runtime or it does not speak v1.
    pub async fn connect(endpoint: &str, options: &ConnectOptions) -> Result<Self> {
        let connection = Connection::new(endpoint, options)?;
        let request = VersionRequest {
            version: KUBE_RUNTIME_API_VERSION.to_owned(),
        };
        connection.call(request).await.map_err(|error| Error::Validate {
            service: "runtime",
            endpoint: endpoint.to_owned(),
            source: Box::new(error),
        })?;
        Ok(Self { connection })
    }
}

/// A URL that a stream is served at.
fn url_set(url: &str) -> Result<()> {
    if url.is_empty() {
        Err(Error::InvalidResponse("URL is not set".to_owned()))
    } else {
        Ok(())
    }
}

/// The whole seconds of a timeout, as the protocol carries it.
fn seconds(timeout: Duration) -> i64 {
    i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX)
}

#[async_trait]
impl RuntimeService for RemoteRuntimeService {
    async fn version(&self, api_version: &str) -> Result<VersionResponse> {
        let answer = self
            .connection
            .call(VersionRequest {
                version: api_version.to_owned(),
            })
            .await?;
        verify::version(&answer)?;
        Ok(answer)
    }

    async fn run_pod_sandbox(&self, config: &PodSandboxConfig, runtime_handler: &str) -> Result<String> {
        let request = RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: runtime_handler.to_owned(),
        };
        let answer = self
            .connection
            .call_within(request, Some(self.connection.timeout() * 2))
            .await?;
        if answer.pod_sandbox_id.is_empty() {
            let name = config.metadata.as_ref().map_or("", |metadata| &metadata.name);
            return Err(Error::InvalidResponse(format!(
                "PodSandboxId is not set for sandbox {name:?}"
            )));
        }
        Ok(answer.pod_sandbox_id)
    }

    async fn stop_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()> {
        self.connection
            .call(StopPodSandboxRequest {
                pod_sandbox_id: pod_sandbox_id.to_owned(),
            })
            .await?;
        Ok(())
    }

    async fn remove_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()> {
        self.connection
            .call(RemovePodSandboxRequest {
                pod_sandbox_id: pod_sandbox_id.to_owned(),
            })
            .await?;
        Ok(())
    }

    async fn pod_sandbox_status(&self, pod_sandbox_id: &str, verbose: bool) -> Result<PodSandboxStatusResponse> {
        let request = PodSandboxStatusRequest {
            pod_sandbox_id: pod_sandbox_id.to_owned(),
            verbose,
        };
        let answer = self.connection.call(request).await?;
        if let Some(status) = &answer.status {
            verify::sandbox_status(status)?;
        }
        Ok(answer)
    }

    async fn list_pod_sandboxes(&self, filter: Option<PodSandboxFilter>) -> Result<Vec<PodSandbox>> {
        let again = filter.clone();
        self.connection
            .list(
                || StreamPodSandboxesRequest { filter },
                |part| part.pod_sandboxes,
                || ListPodSandboxRequest { filter: again },
                |answer| answer.items,
            )
            .await
    }

    async fn port_forward(&self, request: PortForwardRequest) -> Result<PortForwardResponse> {
        let answer = self.connection.call(request).await?;
        url_set(&answer.url)?;
        Ok(answer)
    }

    async fn update_pod_sandbox_resources(&self, request: UpdatePodSandboxResourcesRequest) -> Result<()> {
        self.connection.call(request).await?;
        Ok(())
    }

    async fn create_container(
        &self,
        pod_sandbox_id: &str,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
    ) -> Result<String> {
        let request = CreateContainerRequest {
            pod_sandbox_id: pod_sandbox_id.to_owned(),
            config: Some(config.clone()),
            sandbox_config: Some(sandbox_config.clone()),
        };
        let answer = self.connection.call(request).await?;
        if answer.container_id.is_empty() {
            let name = config.metadata.as_ref().map_or("", |metadata| &metadata.name);
            return Err(Error::InvalidResponse(format!(
                "ContainerId is not set for container {name:?}"
            )));
        }
        Ok(answer.container_id)
    }

    async fn start_container(&self, container_id: &str) -> Result<()> {
        self.connection
            .call(StartContainerRequest {
                container_id: container_id.to_owned(),
            })
            .await?;
        Ok(())
    }

    async fn stop_container(&self, container_id: &str, timeout: Duration) -> Result<()> {
        let request = StopContainerRequest {
            container_id: container_id.to_owned(),
            timeout: seconds(timeout),
        };
        let deadline = self.connection.timeout().saturating_add(timeout);
        self.connection.call_within(request, Some(deadline)).await?;
        Ok(())
    }

    async fn remove_container(&self, container_id: &str) -> Result<()> {
        self.connection
            .call(RemoveContainerRequest {
                container_id: container_id.to_owned(),
            })
            .await?;
        Ok(())
    }

    async fn list_containers(&self, filter: Option<ContainerFilter>) -> Result<Vec<Container>> {
        let again = filter.clone();
        self.connection
            .list(
                || StreamContainersRequest { filter },
                |part| part.containers,
                || ListContainersRequest { filter: again },
                |answer| answer.containers,
            )
            .await
    }

    async fn container_status(&self, container_id: &str, verbose: bool) -> Result<ContainerStatusResponse> {
        let request = ContainerStatusRequest {
            container_id: container_id.to_owned(),
            verbose,
        };
        let answer = self.connection.call(request).await?;
        if let Some(status) = &answer.status {
            verify::container_status(status)?;
        }
        Ok(answer)
    }

    async fn update_container_resources(&self, container_id: &str, resources: &ContainerResources) -> Result<()> {
        let request = UpdateContainerResourcesRequest {
            container_id: container_id.to_owned(),
            linux: resources.linux.clone(),
            windows: resources.windows.clone(),
            ..Default::default()
        };
        self.connection.call(request).await?;
        Ok(())
    }

    async fn reopen_container_log(&self, container_id: &str) -> Result<()> {
        self.connection
            .call(ReopenContainerLogRequest {
                container_id: container_id.to_owned(),
            })
            .await?;
        Ok(())
    }

    async fn exec_sync(&self, container_id: &str, command: &[String], timeout: Duration) -> Result<ExecSyncOutput> {
        let request = ExecSyncRequest {
            container_id: container_id.to_owned(),
            cmd: command.to_vec(),
            timeout: seconds(timeout),
        };
        let deadline = (!timeout.is_zero()).then(|| self.connection.timeout().saturating_add(timeout));
        match self.connection.call_within(request, deadline).await {
            Ok(answer) => Ok(ExecSyncOutput {
                stdout: answer.stdout,
                stderr: answer.stderr,
                exit_code: answer.exit_code,
            }),
            Err(Error::Status {
                code: Code::DeadlineExceeded,
                ..
            }) => Err(Error::CommandTimedOut {
                command: command.join(" "),
                timeout,
            }),
            Err(error) => Err(error),
        }
    }

    async fn exec(&self, request: ExecRequest) -> Result<ExecResponse> {
        let answer = self.connection.call(request).await?;
        url_set(&answer.url)?;
        Ok(answer)
    }

    async fn attach(&self, request: AttachRequest) -> Result<AttachResponse> {
        let answer = self.connection.call(request).await?;
        url_set(&answer.url)?;
        Ok(answer)
    }

    async fn container_stats(&self, container_id: &str) -> Result<Option<ContainerStats>> {
        let answer = self
            .connection
            .call(ContainerStatsRequest {
                container_id: container_id.to_owned(),
            })
            .await?;
        Ok(answer.stats)
    }

    async fn list_container_stats(&self, filter: Option<ContainerStatsFilter>) -> Result<Vec<ContainerStats>> {
        let again = filter.clone();
        self.connection
            .list(
                || StreamContainerStatsRequest { filter },
                |part| part.container_stats,
                || ListContainerStatsRequest { filter: again },
                |answer| answer.stats,
            )
            .await
    }

    async fn pod_sandbox_stats(&self, pod_sandbox_id: &str) -> Result<Option<PodSandboxStats>> {
        let answer = self
            .connection
            .call(PodSandboxStatsRequest {
                pod_sandbox_id: pod_sandbox_id.to_owned(),
            })
            .await?;
        Ok(answer.stats)
    }

    async fn list_pod_sandbox_stats(&self, filter: Option<PodSandboxStatsFilter>) -> Result<Vec<PodSandboxStats>> {
        let again = filter.clone();
        self.connection
            .list(
                || StreamPodSandboxStatsRequest { filter },
                |part| part.pod_sandbox_stats,
                || ListPodSandboxStatsRequest { filter: again },
                |answer| answer.stats,
            )
            .await
    }

    async fn update_runtime_config(&self, config: RuntimeConfig) -> Result<()> {
        self.connection
            .call(UpdateRuntimeConfigRequest {
                runtime_config: Some(config),
            })
            .await?;
        Ok(())
    }

    async fn status(&self, verbose: bool) -> Result<StatusResponse> {
        let answer = self.connection.call(StatusRequest { verbose }).await?;
        if answer.status.as_ref().is_none_or(|status| status.conditions.len() < 2) {
            return Err(Error::InvalidResponse(
                "RuntimeReady or NetworkReady condition are not set".to_owned(),
            ));
        }
        Ok(answer)
    }

    async fn checkpoint_container(&self, mut request: CheckpointContainerRequest) -> Result<()> {
        let Ok(asked) = u64::try_from(request.timeout) else {
            return Err(Error::InvalidArgument(
                "CheckpointContainer requires the timeout value to be > 0".to_owned(),
            ));
        };
        let deadline = self.connection.timeout().max(Duration::from_secs(asked));
        request.timeout = seconds(deadline);
        self.connection.call_within(request, Some(deadline)).await?;
        Ok(())
    }

    async fn container_events(&self) -> Result<EventStream> {
        Ok(self.connection.stream(GetEventsRequest {}).await?.boxed())
    }

    async fn list_metric_descriptors(&self) -> Result<Vec<MetricDescriptor>> {
        Ok(self.connection.call(ListMetricDescriptorsRequest {}).await?.descriptors)
    }

    async fn list_pod_sandbox_metrics(&self) -> Result<Vec<PodSandboxMetrics>> {
        self.connection
            .list(
                || StreamPodSandboxMetricsRequest {},
                |part| part.pod_sandbox_metrics,
                || ListPodSandboxMetricsRequest {},
                |answer| answer.pod_metrics,
            )
            .await
    }

    async fn runtime_config(&self) -> Result<RuntimeConfigResponse> {
        self.connection.call(RuntimeConfigRequest {}).await
    }
}
