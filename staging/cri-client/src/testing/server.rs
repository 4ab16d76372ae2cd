//! A runtime of this process behind a unix socket: what a client really sends and takes is seen here.
//!
//! Sockets know nothing of paused time, so that tests with a server run in real time.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::FakeRuntime;
use crate::api::*;
use crate::error::{Code, Error, Result};
use crate::service::{ImageService, RuntimeService};

/// How many items one message of a streamed list holds.
const PAGE: usize = 2;

/// A server; it ends when it is dropped.
pub struct FakeServer {
    endpoint: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
}

struct Shared {
    runtime: Arc<dyn RuntimeService>,
    images: Arc<dyn ImageService>,
    in_flight: AtomicUsize,
    streams_lists: AtomicBool,
}

impl FakeServer {
    /// Serves the in-memory runtime at a socket.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn start(fake: &FakeRuntime, socket: &Path) -> std::io::Result<Self> {
        Self::start_with(Arc::new(fake.clone()), Arc::new(fake.clone()), socket)
    }

    /// Serves any implementation at a socket.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn start_with(
        runtime: Arc<dyn RuntimeService>,
        images: Arc<dyn ImageService>,
        socket: &Path,
    ) -> std::io::Result<Self> {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
        let (in_flight, streams_lists) = (AtomicUsize::new(0), AtomicBool::new(true));
        let shared = Arc::new(Shared {
            runtime,
            images,
            in_flight,
            streams_lists,
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tonic::transport::Server::builder()
            .add_service(Dispatch::<true>(shared.clone()))
            .add_service(Dispatch::<false>(shared.clone()));
        tokio::spawn(async move {
            // The sender goes with the server: an error of the channel means the same.
            let until = async { drop(stopped.await) };
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, until).await {
                tracing::error!(%error, "server of the in-memory runtime");
            }
        });
        Ok(Self {
            endpoint: format!("unix://{}", socket.display()),
            shared,
            stop: Some(stop),
        })
    }

    /// The endpoint to connect to.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many calls are being worked on.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Whether lists can be streamed, as they can from v1.36 on.
    pub fn set_streams_lists(&self, on: bool) {
        self.shared.streams_lists.store(on, Ordering::SeqCst);
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have failed already.
            let _ended = stop.send(());
        }
    }
}

/// The calls of one service; `true` is the runtime's, `false` the images'.
#[derive(Clone)]
struct Dispatch<const RUNTIME: bool>(Arc<Shared>);

impl NamedService for Dispatch<true> {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

impl NamedService for Dispatch<false> {
    const NAME: &'static str = "runtime.v1.ImageService";
}

type Answer = http::Response<Body>;

impl<const RUNTIME: bool> tower::Service<http::Request<Body>> for Dispatch<RUNTIME> {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let refused = Method::from_path(request.uri().path()).filter(|method| {
                *method == Method::GetContainerEvents
                    || !method.is_streaming()
                    || shared.streams_lists.load(Ordering::SeqCst)
            });
            Ok(match refused {
                Some(method) => dispatch(method, shared, request).await,
                None => Status::unimplemented(format!("unknown method {}", request.uri().path())).into_http(),
            })
        })
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Status { code, message } => Status::new(code, message),
            Error::CommandTimedOut { .. } => Status::new(Code::DeadlineExceeded, error.to_string()),
            other => Status::unknown(other.to_string()),
        }
    }
}

/// Counts a call for as long as it is worked on.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers one request with one message.
async fn unary<R, F>(
    shared: Arc<Shared>,
    request: http::Request<Body>,
    work: impl Fn(Arc<Shared>, R) -> F + Send,
) -> Answer
where
    R: Rpc,
    F: Future<Output = Result<R::Response>> + Send + 'static,
{
    let service = service_fn(|message: Request<R>| {
        let guard = InFlight::new(&shared);
        let work = work(shared.clone(), message.into_inner());
        async move {
            let _guard = guard;
            work.await.map(Response::new).map_err(Status::from)
        }
    });
    tonic::server::Grpc::new(ProstCodec::<R::Response, R>::default())
        .unary(service, request)
        .await
}

/// Answers one request with a stream of messages.
async fn stream<R, F>(
    shared: Arc<Shared>,
    request: http::Request<Body>,
    work: impl Fn(Arc<Shared>, R) -> F + Send,
) -> Answer
where
    R: Rpc,
    F: Future<Output = Result<BoxStream<'static, Result<R::Response>>>> + Send + 'static,
{
    let service = service_fn(|message: Request<R>| {
        let work = work(shared.clone(), message.into_inner());
        async move {
            Ok::<_, Status>(Response::new(
                work.await.map_err(Status::from)?.map_err(Status::from).boxed(),
            ))
        }
    });
    tonic::server::Grpc::new(ProstCodec::<R::Response, R>::default())
        .server_streaming(service, request)
        .await
}

/// Cuts a list into the messages of a stream.
fn pages<T: Clone + Send + 'static, M: Send + 'static>(
    items: Vec<T>,
    message: impl Fn(Vec<T>) -> M,
) -> BoxStream<'static, Result<M>> {
    let messages: Vec<_> = items.chunks(PAGE).map(|page| Ok(message(page.to_vec()))).collect();
    futures::stream::iter(messages).boxed()
}

/// A message that must be there.
fn given<T>(part: Option<T>, name: &str) -> Result<T> {
    part.ok_or_else(|| Error::status(Code::InvalidArgument, format!("{name} is not set")))
}

/// The whole seconds of the protocol; what is negative is none.
fn seconds(timeout: i64) -> Duration {
    Duration::from_secs(u64::try_from(timeout).unwrap_or(0))
}

/// Writes one arm of the table: the request's pattern, and the call that answers it.
macro_rules! arm {
    ($kind:ident, $shared:ident, $request:ident, |$s:ident, $m:ident: $type:ty| $body:expr) => {
        $kind($shared, $request, |$s: Arc<Shared>, $m: $type| async move { Ok($body) }).await
    };
}

#[expect(clippy::too_many_lines, reason = "a table with one entry per call")]
async fn dispatch(method: Method, s: Arc<Shared>, r: http::Request<Body>) -> Answer {
    match method {
        Method::Version => arm!(unary, s, r, |s, m: VersionRequest| s
            .runtime
            .version(&m.version)
            .await?),
        Method::RunPodSandbox => arm!(unary, s, r, |s, m: RunPodSandboxRequest| RunPodSandboxResponse {
            pod_sandbox_id: s
                .runtime
                .run_pod_sandbox(&given(m.config, "config")?, &m.runtime_handler)
                .await?,
        }),
        Method::StopPodSandbox => arm!(unary, s, r, |s, m: StopPodSandboxRequest| {
            s.runtime.stop_pod_sandbox(&m.pod_sandbox_id).await?;
            StopPodSandboxResponse {}
        }),
        Method::RemovePodSandbox => arm!(unary, s, r, |s, m: RemovePodSandboxRequest| {
            s.runtime.remove_pod_sandbox(&m.pod_sandbox_id).await?;
            RemovePodSandboxResponse {}
        }),
        Method::PodSandboxStatus => arm!(unary, s, r, |s, m: PodSandboxStatusRequest| s
            .runtime
            .pod_sandbox_status(&m.pod_sandbox_id, m.verbose)
            .await?),
        Method::ListPodSandbox => arm!(unary, s, r, |s, m: ListPodSandboxRequest| ListPodSandboxResponse {
            items: s.runtime.list_pod_sandboxes(m.filter).await?,
        }),
        Method::StreamPodSandboxes => arm!(stream, s, r, |s, m: StreamPodSandboxesRequest| pages(
            s.runtime.list_pod_sandboxes(m.filter).await?,
            |pod_sandboxes| StreamPodSandboxesResponse { pod_sandboxes },
        )),
        Method::CreateContainer => arm!(unary, s, r, |s, m: CreateContainerRequest| {
            let (config, pod) = (given(m.config, "config")?, given(m.sandbox_config, "sandbox_config")?);
            CreateContainerResponse {
                container_id: s.runtime.create_container(&m.pod_sandbox_id, &config, &pod).await?,
            }
        }),
        Method::StartContainer => arm!(unary, s, r, |s, m: StartContainerRequest| {
            s.runtime.start_container(&m.container_id).await?;
            StartContainerResponse {}
        }),
        Method::StopContainer => arm!(unary, s, r, |s, m: StopContainerRequest| {
            s.runtime.stop_container(&m.container_id, seconds(m.timeout)).await?;
            StopContainerResponse {}
        }),
        Method::RemoveContainer => arm!(unary, s, r, |s, m: RemoveContainerRequest| {
            s.runtime.remove_container(&m.container_id).await?;
            RemoveContainerResponse {}
        }),
        Method::ListContainers => arm!(unary, s, r, |s, m: ListContainersRequest| ListContainersResponse {
            containers: s.runtime.list_containers(m.filter).await?,
        }),
        Method::StreamContainers => arm!(stream, s, r, |s, m: StreamContainersRequest| pages(
            s.runtime.list_containers(m.filter).await?,
            |containers| StreamContainersResponse { containers },
        )),
        Method::ContainerStatus => arm!(unary, s, r, |s, m: ContainerStatusRequest| s
            .runtime
            .container_status(&m.container_id, m.verbose)
            .await?),
        Method::UpdateContainerResources => arm!(unary, s, r, |s, m: UpdateContainerResourcesRequest| {
            let resources = ContainerResources {
                linux: m.linux,
                windows: m.windows,
            };
            s.runtime
                .update_container_resources(&m.container_id, &resources)
                .await?;
            UpdateContainerResourcesResponse {}
        }),
        Method::ReopenContainerLog => arm!(unary, s, r, |s, m: ReopenContainerLogRequest| {
            s.runtime.reopen_container_log(&m.container_id).await?;
            ReopenContainerLogResponse {}
        }),
        Method::ExecSync => arm!(unary, s, r, |s, m: ExecSyncRequest| {
            let output = s.runtime.exec_sync(&m.container_id, &m.cmd, seconds(m.timeout)).await?;
            ExecSyncResponse {
                stdout: output.stdout,
                stderr: output.stderr,
                exit_code: output.exit_code,
            }
        }),
        Method::Exec => arm!(unary, s, r, |s, m: ExecRequest| s.runtime.exec(m).await?),
        Method::Attach => arm!(unary, s, r, |s, m: AttachRequest| s.runtime.attach(m).await?),
        Method::PortForward => arm!(unary, s, r, |s, m: PortForwardRequest| s
            .runtime
            .port_forward(m)
            .await?),
        Method::ContainerStats => arm!(unary, s, r, |s, m: ContainerStatsRequest| ContainerStatsResponse {
            stats: s.runtime.container_stats(&m.container_id).await?,
        }),
        Method::ListContainerStats => arm!(unary, s, r, |s, m: ListContainerStatsRequest| {
            ListContainerStatsResponse {
                stats: s.runtime.list_container_stats(m.filter).await?,
            }
        }),
        Method::StreamContainerStats => arm!(stream, s, r, |s, m: StreamContainerStatsRequest| pages(
            s.runtime.list_container_stats(m.filter).await?,
            |container_stats| StreamContainerStatsResponse { container_stats },
        )),
        Method::PodSandboxStats => arm!(unary, s, r, |s, m: PodSandboxStatsRequest| PodSandboxStatsResponse {
            stats: s.runtime.pod_sandbox_stats(&m.pod_sandbox_id).await?,
        }),
        Method::ListPodSandboxStats => arm!(unary, s, r, |s, m: ListPodSandboxStatsRequest| {
            ListPodSandboxStatsResponse {
                stats: s.runtime.list_pod_sandbox_stats(m.filter).await?,
            }
        }),
        Method::StreamPodSandboxStats => arm!(stream, s, r, |s, m: StreamPodSandboxStatsRequest| pages(
            s.runtime.list_pod_sandbox_stats(m.filter).await?,
            |pod_sandbox_stats| StreamPodSandboxStatsResponse { pod_sandbox_stats },
        )),
        Method::UpdateRuntimeConfig => arm!(unary, s, r, |s, m: UpdateRuntimeConfigRequest| {
            s.runtime
                .update_runtime_config(m.runtime_config.unwrap_or_default())
                .await?;
            UpdateRuntimeConfigResponse {}
        }),
        Method::Status => arm!(unary, s, r, |s, m: StatusRequest| s.runtime.status(m.verbose).await?),
        Method::CheckpointContainer => arm!(unary, s, r, |s, m: CheckpointContainerRequest| {
            s.runtime.checkpoint_container(m).await?;
            CheckpointContainerResponse {}
        }),
        Method::GetContainerEvents => {
            arm!(stream, s, r, |s, _m: GetEventsRequest| s
                .runtime
                .container_events()
                .await?)
        }
        Method::ListMetricDescriptors => {
            arm!(unary, s, r, |s, _m: ListMetricDescriptorsRequest| {
                ListMetricDescriptorsResponse {
                    descriptors: s.runtime.list_metric_descriptors().await?,
                }
            })
        }
        Method::ListPodSandboxMetrics => {
            arm!(unary, s, r, |s, _m: ListPodSandboxMetricsRequest| {
                ListPodSandboxMetricsResponse {
                    pod_metrics: s.runtime.list_pod_sandbox_metrics().await?,
                }
            })
        }
        Method::StreamPodSandboxMetrics => arm!(stream, s, r, |s, _m: StreamPodSandboxMetricsRequest| pages(
            s.runtime.list_pod_sandbox_metrics().await?,
            |pod_sandbox_metrics| StreamPodSandboxMetricsResponse { pod_sandbox_metrics },
        )),
        Method::RuntimeConfig => {
            arm!(unary, s, r, |s, _m: RuntimeConfigRequest| s
                .runtime
                .runtime_config()
                .await?)
        }
        Method::UpdatePodSandboxResources => arm!(unary, s, r, |s, m: UpdatePodSandboxResourcesRequest| {
            s.runtime.update_pod_sandbox_resources(m).await?;
            UpdatePodSandboxResourcesResponse {}
        }),
        Method::ListImages => arm!(unary, s, r, |s, m: ListImagesRequest| ListImagesResponse {
            images: s.images.list_images(m.filter).await?,
        }),
        Method::StreamImages => arm!(stream, s, r, |s, m: StreamImagesRequest| pages(
            s.images.list_images(m.filter).await?,
            |images| StreamImagesResponse { images },
        )),
        Method::ImageStatus => arm!(unary, s, r, |s, m: ImageStatusRequest| s
            .images
            .image_status(&given(m.image, "image")?, m.verbose)
            .await?),
        Method::PullImage => arm!(unary, s, r, |s, m: PullImageRequest| PullImageResponse {
            image_ref: s
                .images
                .pull_image(&given(m.image, "image")?, m.auth, m.sandbox_config.as_ref())
                .await?,
        }),
        Method::RemoveImage => arm!(unary, s, r, |s, m: RemoveImageRequest| {
            s.images.remove_image(&given(m.image, "image")?).await?;
            RemoveImageResponse {}
        }),
        Method::ImageFsInfo => arm!(unary, s, r, |s, _m: ImageFsInfoRequest| s
            .images
            .image_fs_info()
            .await?),
    }
}
