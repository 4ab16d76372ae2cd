//! The 41 calls of the two services, as one table.
//!
//! Each request type belongs to exactly one call, so that a request alone says which path it goes to and what comes back:
//! client, fake server and call records are all driven by this table.

use super::*;

/// A request message, with the call it belongs to.
pub trait Rpc: prost::Message + Default + 'static {
    /// What the call answers; for a streaming call, one message of the stream.
    type Response: prost::Message + Default + 'static;
    /// The call.
    const METHOD: Method;
}

macro_rules! rpcs {
    ($($service:literal { $($method:ident: $request:ty => $response:ty $(, $stream:ident)?;)* })*) => {
        /// A call of the Container Runtime Interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Method {
            $($($method,)*)*
        }

        impl Method {
            /// All calls, the runtime service's first.
            pub const ALL: &[Method] = &[$($(Method::$method,)*)*];

            /// The name of the call, without its service.
            pub fn name(self) -> &'static str {
                match self { $($(Method::$method => stringify!($method),)*)* }
            }

            /// The path of the HTTP/2 request.
            pub fn path(self) -> &'static str {
                match self { $($(Method::$method => concat!("/", $service, "/", stringify!($method)),)*)* }
            }

            /// Whether the answer is a stream of messages.
            pub fn is_streaming(self) -> bool {
                match self { $($(Method::$method => rpcs!(@stream $($stream)?),)*)* }
            }

            /// The call that `path` belongs to.
            pub fn from_path(path: &str) -> Option<Method> {
                Method::ALL.iter().copied().find(|method| method.path() == path)
            }
        }

        $($(impl Rpc for $request {
            type Response = $response;
            const METHOD: Method = Method::$method;
        })*)*
    };
    (@stream stream) => { true };
    (@stream) => { false };
}

rpcs! {
    "runtime.v1.RuntimeService" {
        Version: VersionRequest => VersionResponse;
        RunPodSandbox: RunPodSandboxRequest => RunPodSandboxResponse;
        StopPodSandbox: StopPodSandboxRequest => StopPodSandboxResponse;
        RemovePodSandbox: RemovePodSandboxRequest => RemovePodSandboxResponse;
        PodSandboxStatus: PodSandboxStatusRequest => PodSandboxStatusResponse;
        ListPodSandbox: ListPodSandboxRequest => ListPodSandboxResponse;
        StreamPodSandboxes: StreamPodSandboxesRequest => StreamPodSandboxesResponse, stream;
        CreateContainer: CreateContainerRequest => CreateContainerResponse;
        StartContainer: StartContainerRequest => StartContainerResponse;
        StopContainer: StopContainerRequest => StopContainerResponse;
        RemoveContainer: RemoveContainerRequest => RemoveContainerResponse;
        ListContainers: ListContainersRequest => ListContainersResponse;
        StreamContainers: StreamContainersRequest => StreamContainersResponse, stream;
        ContainerStatus: ContainerStatusRequest => ContainerStatusResponse;
        UpdateContainerResources: UpdateContainerResourcesRequest => UpdateContainerResourcesResponse;
        ReopenContainerLog: ReopenContainerLogRequest => ReopenContainerLogResponse;
        ExecSync: ExecSyncRequest => ExecSyncResponse;
        Exec: ExecRequest => ExecResponse;
        Attach: AttachRequest => AttachResponse;
        PortForward: PortForwardRequest => PortForwardResponse;
        ContainerStats: ContainerStatsRequest => ContainerStatsResponse;
        ListContainerStats: ListContainerStatsRequest => ListContainerStatsResponse;
        StreamContainerStats: StreamContainerStatsRequest => StreamContainerStatsResponse, stream;
        PodSandboxStats: PodSandboxStatsRequest => PodSandboxStatsResponse;
        ListPodSandboxStats: ListPodSandboxStatsRequest => ListPodSandboxStatsResponse;
        StreamPodSandboxStats: StreamPodSandboxStatsRequest => StreamPodSandboxStatsResponse, stream;
        UpdateRuntimeConfig: UpdateRuntimeConfigRequest => UpdateRuntimeConfigResponse;
        Status: StatusRequest => StatusResponse;
        CheckpointContainer: CheckpointContainerRequest => CheckpointContainerResponse;
        GetContainerEvents: GetEventsRequest => ContainerEventResponse, stream;
        ListMetricDescriptors: ListMetricDescriptorsRequest => ListMetricDescriptorsResponse;
        ListPodSandboxMetrics: ListPodSandboxMetricsRequest => ListPodSandboxMetricsResponse;
        StreamPodSandboxMetrics: StreamPodSandboxMetricsRequest => StreamPodSandboxMetricsResponse, stream;
        RuntimeConfig: RuntimeConfigRequest => RuntimeConfigResponse;
        UpdatePodSandboxResources: UpdatePodSandboxResourcesRequest => UpdatePodSandboxResourcesResponse;
    }
    "runtime.v1.ImageService" {
        ListImages: ListImagesRequest => ListImagesResponse;
        StreamImages: StreamImagesRequest => StreamImagesResponse, stream;
        ImageStatus: ImageStatusRequest => ImageStatusResponse;
        PullImage: PullImageRequest => PullImageResponse;
        RemoveImage: RemoveImageRequest => RemoveImageResponse;
        ImageFsInfo: ImageFsInfoRequest => ImageFsInfoResponse;
    }
}
