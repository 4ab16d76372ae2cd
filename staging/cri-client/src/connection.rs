//! One gRPC channel to a runtime, and the way every call goes over it: deadline, size limit, error mapping.
//!
//! The channel connects on demand and again after a break, so that a restarted runtime needs no new client. A call made while
//! the socket is gone fails at once with `Unavailable`; when to try again is the caller's choice.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, TryStreamExt};
use http::Uri;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::api::{Method, Rpc};
use crate::error::{DialError, Error, Result};
use crate::{Code, Endpoint};

/// The largest message that is taken from a runtime.
pub const MAX_MESSAGE_SIZE: usize = 16 * 1024 * 1024;

/// The deadline of a call where nothing else is said (the kubelet's `runtimeRequestTimeout`).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Is told of every call that got an answer or failed: which it was, how long it took, and whether it failed.
#[derive(Clone)]
pub struct CallObserver(Arc<dyn Fn(Method, Duration, bool) + Send + Sync>);

impl CallObserver {
    /// Calls this function; it must not take long.
    pub fn new(observe: impl Fn(Method, Duration, bool) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }
}

impl std::fmt::Debug for CallObserver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallObserver").finish_non_exhaustive()
    }
}

/// How to talk to a runtime.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The deadline of a call, and of the first one that checks the version.
    pub timeout: Duration,
    /// Whether lists are asked for as streams (`CRIListStreaming`); a runtime that does not know them is asked the old way
    /// from then on.
    pub use_streaming: bool,
    /// Who is told of calls; nobody by default.
    pub observer: Option<CallObserver>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            use_streaming: false,
            observer: None,
        }
    }
}

/// A channel with the settings that calls go by.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    grpc: Grpc<Channel>,
    timeout: Duration,
    use_streaming: Arc<AtomicBool>,
    observer: Option<CallObserver>,
}

impl Connection {
    /// Prepares a channel; nothing is sent before the first call.
    pub(crate) fn new(endpoint: &str, options: &ConnectOptions) -> Result<Self> {
        let path: PathBuf = Endpoint::from_str(endpoint)?.path().to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move {
                match UnixStream::connect(&path).await {
                    Ok(stream) => Ok(TokioIo::new(stream)),
                    Err(error) => Err(DialError {
                        path: path.display().to_string(),
                        reason: dial_reason(&error),
                    }),
                }
            }
        });
        let channel = Channel::from_static("http://localhost")
            .connect_timeout(CONNECT_TIMEOUT)
            .connect_with_connector_lazy(connector);
        Ok(Self {
            grpc: Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE_SIZE),
            timeout: options.timeout,
            use_streaming: Arc::new(AtomicBool::new(options.use_streaming)),
            observer: options.observer.clone(),
        })
    }

    /// The deadline of an ordinary call.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes a call with the ordinary deadline.
    pub(crate) async fn call<R: Rpc>(&self, request: R) -> Result<R::Response> {
        self.call_within(request, Some(self.timeout)).await
    }

    /// Makes a call with a deadline of its own; `None` waits as long as the runtime does.
    pub(crate) async fn call_within<R: Rpc>(&self, request: R, deadline: Option<Duration>) -> Result<R::Response> {
        let mut grpc = self.grpc.clone();
        let mut request = Request::new(request);
        let begun = Instant::now();
        let call = async {
            let Some(limit) = deadline else {
                grpc.ready().await.map_err(transport)?;
                return unary::<R>(&mut grpc, request).await;
            };
            // The runtime is told, so that it gives up at the same time.
            request.set_timeout(limit);
            grpc.ready().await.map_err(transport)?;
            unary::<R>(&mut grpc, request).await
        };
        let result = match deadline {
            None => call.await,
            Some(limit) => tokio::time::timeout(limit, call)
                .await
                .unwrap_or_else(|_| Err(Error::deadline_exceeded())),
        };
        let (call, took) = (R::METHOD.name(), begun.elapsed());
        if let Some(CallObserver(observe)) = &self.observer {
            observe(R::METHOD, took, result.is_err());
        }
        match &result {
            Ok(_) => tracing::trace!(call, ?took, "called"),
            Err(error) => tracing::debug!(call, ?took, %error, "call failed"),
        }
        result
    }

    /// Asks for a list: by the streaming call if that is on and known to the runtime, else by the unary one.
    pub(crate) async fn list<S: Rpc, U: Rpc, T>(
        &self,
        streamed: impl FnOnce() -> S,
        items: impl Fn(S::Response) -> Vec<T>,
        unary: impl FnOnce() -> U,
        all: impl FnOnce(U::Response) -> Vec<T>,
    ) -> Result<Vec<T>> {
        if self.use_streaming.load(Ordering::Relaxed) {
            let collect = async {
                let parts: Vec<S::Response> = self.stream(streamed()).await?.try_collect().await?;
                Ok(parts.into_iter().flat_map(items).collect())
            };
            match tokio::time::timeout(self.timeout, collect).await {
                Ok(Err(Error::Status {
                    code: Code::Unimplemented,
                    ..
                })) => {
                    tracing::info!(
                        call = S::METHOD.name(),
                        "runtime does not stream lists, asking the unary call from now on"
                    );
                    self.use_streaming.store(false, Ordering::Relaxed);
                }
                Ok(result) => return result,
                Err(_) => return Err(Error::deadline_exceeded()),
            }
        }
        self.call(unary()).await.map(all)
    }

    /// Opens a stream of answers. The connection is there when this returns; the call itself goes out with the first poll,
    /// because a runtime may send its headers only with the first message.
    pub(crate) async fn stream<R: Rpc>(
        &self,
        request: R,
    ) -> Result<impl Stream<Item = Result<R::Response>> + Send + use<R>> {
        let mut grpc = self.grpc.clone();
        let ready = tokio::time::timeout(self.timeout, grpc.ready()).await;
        ready.map_err(|_| Error::deadline_exceeded())?.map_err(transport)?;
        let open = async move {
            let codec: ProstCodec<R, R::Response> = ProstCodec::default();
            let path = PathAndQuery::from_static(R::METHOD.path());
            let answers = grpc
                .server_streaming(Request::new(request), path, codec)
                .await
                .map_err(Error::from)?
                .into_inner();
            Ok::<_, Error>(answers.map_err(Error::from))
        };
        Ok(futures::stream::once(open).try_flatten().boxed())
    }
}

/// Sends one request over a channel that is ready.
async fn unary<R: Rpc>(grpc: &mut Grpc<Channel>, request: Request<R>) -> Result<R::Response> {
    let codec: ProstCodec<R, R::Response> = ProstCodec::default();
    let path = PathAndQuery::from_static(R::METHOD.path());
    Ok(grpc.unary(request, path, codec).await?.into_inner())
}

/// A channel that does not become ready could not connect.
fn transport(error: tonic::transport::Error) -> Error {
    Error::from(Status::from_error(error.into()))
}

/// The system's words without Rust's error number, lower case as Go prints them.
fn dial_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    text.to_lowercase()
}
