//! The seams between the kubelet and a container runtime.
//!
//! Shapes follow upstream's `cri-api` interfaces. Implemented by the remote services over gRPC and by the in-memory runtime;
//! `testing::conformance` holds what any implementation must do.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::api::*;
use crate::error::{Error, Result};

/// Container events as they happen; an error ends the stream.
pub type EventStream = BoxStream<'static, Result<ContainerEventResponse>>;

/// What a command run by [`RuntimeService::exec_sync`] left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecSyncOutput {
    /// What it wrote to standard output, up to the runtime's limit.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, up to the runtime's limit.
    pub stderr: Vec<u8>,
    /// Its exit code.
    pub exit_code: i32,
}

impl ExecSyncOutput {
    /// Turns an exit code other than 0 into an error.
    ///
    /// # Errors
    /// [`Error::CommandExited`] with the code and standard error.
    pub fn check(self, command: &[String]) -> Result<Self> {
        if self.exit_code == 0 {
            return Ok(self);
        }
        Err(Error::CommandExited {
            command: command.join(" "),
            exit_code: self.exit_code,
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        })
    }
}

/// Pod sandboxes, containers and their statistics.
///
/// Every method can fail with the runtime's status. Dropping a future cancels the call; what the runtime has done by then
/// stays done, so that a caller looks at the state again before it goes on.
#[async_trait]
pub trait RuntimeService: Send + Sync {
    /// The runtime's name and versions.
    async fn version(&self, api_version: &str) -> Result<VersionResponse>;

    /// Makes a sandbox and starts it; the id is returned when it is ready, network included.
    ///
    /// The sandbox's metadata is its name: a second one with the same metadata is refused while the first is there.
    async fn run_pod_sandbox(&self, config: &PodSandboxConfig, runtime_handler: &str) -> Result<String>;

    /// Stops a sandbox, killing what still runs in it, and gives back its network. Idempotent.
    async fn stop_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()>;

    /// Removes a sandbox with its containers, by force. Succeeds if it is gone already.
    async fn remove_pod_sandbox(&self, pod_sandbox_id: &str) -> Result<()>;

    /// The status of a sandbox; with `verbose` also the runtime's own information.
    async fn pod_sandbox_status(&self, pod_sandbox_id: &str, verbose: bool) -> Result<PodSandboxStatusResponse>;

    /// The sandboxes that match, in no order.
    async fn list_pod_sandboxes(&self, filter: Option<PodSandboxFilter>) -> Result<Vec<PodSandbox>>;

    /// A URL to stream ports of the sandbox from.
    async fn port_forward(&self, request: PortForwardRequest) -> Result<PortForwardResponse>;

    /// Tells the runtime the new resources of a whole pod.
    async fn update_pod_sandbox_resources(&self, request: UpdatePodSandboxResourcesRequest) -> Result<()>;

    /// Makes a container in a ready sandbox, without starting it. The image must be present.
    async fn create_container(
        &self,
        pod_sandbox_id: &str,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
    ) -> Result<String>;

    /// Starts a container that was created and never started.
    async fn start_container(&self, container_id: &str) -> Result<()>;

    /// Asks a container to stop, and kills it after `timeout` (whole seconds; 0 kills at once). Idempotent.
    async fn stop_container(&self, container_id: &str, timeout: Duration) -> Result<()>;

    /// Removes a container, by force. Succeeds if it is gone already.
    async fn remove_container(&self, container_id: &str) -> Result<()>;

    /// The containers that match, in no order.
    async fn list_containers(&self, filter: Option<ContainerFilter>) -> Result<Vec<Container>>;

    /// The status of a container; with `verbose` also the runtime's own information.
    async fn container_status(&self, container_id: &str, verbose: bool) -> Result<ContainerStatusResponse>;

    /// Changes the cgroup of a container.
    async fn update_container_resources(&self, container_id: &str, resources: &ContainerResources) -> Result<()>;

    /// Opens a container's log file anew, after the old one was moved away.
    async fn reopen_container_log(&self, container_id: &str) -> Result<()>;

    /// Runs a command in a container to its end. A timeout of 0 is none; otherwise it counts in whole seconds, and the
    /// command is killed with [`Error::CommandTimedOut`].
    async fn exec_sync(&self, container_id: &str, command: &[String], timeout: Duration) -> Result<ExecSyncOutput>;

    /// A URL to stream a command's input and output from.
    async fn exec(&self, request: ExecRequest) -> Result<ExecResponse>;

    /// A URL to stream a container's input and output from.
    async fn attach(&self, request: AttachRequest) -> Result<AttachResponse>;

    /// The use of one container.
    async fn container_stats(&self, container_id: &str) -> Result<Option<ContainerStats>>;

    /// The use of the containers that match.
    async fn list_container_stats(&self, filter: Option<ContainerStatsFilter>) -> Result<Vec<ContainerStats>>;

    /// The use of one sandbox.
    async fn pod_sandbox_stats(&self, pod_sandbox_id: &str) -> Result<Option<PodSandboxStats>>;

    /// The use of the sandboxes that match.
    async fn list_pod_sandbox_stats(&self, filter: Option<PodSandboxStatsFilter>) -> Result<Vec<PodSandboxStats>>;

    /// Tells the runtime the node's pod CIDR.
    async fn update_runtime_config(&self, config: RuntimeConfig) -> Result<()>;

    /// The runtime's conditions, at least "runtime ready" and "network ready".
    async fn status(&self, verbose: bool) -> Result<StatusResponse>;

    /// Writes a checkpoint of a running container. A timeout below the default of a call counts as the default.
    async fn checkpoint_container(&self, request: CheckpointContainerRequest) -> Result<()>;

    /// Subscribes to container events. The connection is there when this returns; that the runtime does not know the call
    /// shows as the stream's first item, since it answers nothing before the first event.
    async fn container_events(&self) -> Result<EventStream>;

    /// The metrics that [`list_pod_sandbox_metrics`](Self::list_pod_sandbox_metrics) has values of.
    async fn list_metric_descriptors(&self) -> Result<Vec<MetricDescriptor>>;

    /// The runtime's metrics of every sandbox.
    async fn list_pod_sandbox_metrics(&self) -> Result<Vec<PodSandboxMetrics>>;

    /// The runtime's settings that the kubelet must agree with, such as the cgroup driver.
    async fn runtime_config(&self) -> Result<RuntimeConfigResponse>;
}

/// Images.
#[async_trait]
pub trait ImageService: Send + Sync {
    /// The images that match.
    async fn list_images(&self, filter: Option<ImageFilter>) -> Result<Vec<Image>>;

    /// The status of an image; an image that is not there is no error, but an answer without one.
    async fn image_status(&self, image: &ImageSpec, verbose: bool) -> Result<ImageStatusResponse>;

    /// Pulls an image and returns its reference. There is no deadline; dropping the future cancels the pull.
    async fn pull_image(
        &self,
        image: &ImageSpec,
        auth: Option<AuthConfig>,
        sandbox_config: Option<&PodSandboxConfig>,
    ) -> Result<String>;

    /// Removes an image with all its names. Succeeds if it is gone already.
    async fn remove_image(&self, image: &ImageSpec) -> Result<()>;

    /// The use of the file systems that images and containers lie on.
    async fn image_fs_info(&self) -> Result<ImageFsInfoResponse>;
}
