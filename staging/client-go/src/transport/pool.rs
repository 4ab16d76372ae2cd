//! Connections in use and at rest.
//!
//! HTTP/2 connections are shared by up to [`MAX_STREAMS`] requests each, so that a hundred watches never keep a request
//! waiting for a stream; HTTP/1.1 connections serve one request at a time. Requests that need a new connection share the
//! dialling of the first one, and its failure. **Invariant:** a closed pool's connections are dropped by the tasks that run
//! them, whatever is still under way on them.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dial::{Dialer, Protocols};
use super::error::TransportError;
use super::http2::{Http2, Http2Body, Unanswered};

/// Requests on one HTTP/2 connection. Servers must allow at least 100 by the standard's advice, and do.
const MAX_STREAMS: usize = 96;
/// How long an HTTP/1.1 connection rests before it is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often a request is tried anew because a connection turned out to be closed before anything was sent.
const MAX_STALE: usize = 8;

type Dialing = Shared<BoxFuture<'static, Result<Dialed, TransportError>>>;
/// Why a connection ended, if it did not end well.
type Failure = Arc<OnceLock<TransportError>>;

/// The connections to one server, made with one set of certificates.
pub(crate) struct Pool {
    shared: Arc<Inner>,
}

struct Inner {
    dialer: Dialer,
    closed: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    http2: Vec<Http2>,
    idle: Vec<(Http1, Instant)>,
    dialing: Option<Dialing>,
    /// The server is known to speak HTTP/1.1 only; dialling is not worth sharing then.
    http1_only: bool,
}

struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    failure: Failure,
}

/// A connection for one request.
enum Lease {
    Http2(Http2),
    Http1(Http1),
}

/// What came of dialling, for everybody who waited for it.
#[derive(Clone)]
enum Dialed {
    Http2(Http2),
    /// At rest, for whoever is first.
    Http1,
}

impl Pool {
    pub(crate) fn new(dialer: Dialer) -> Self {
        let inner = Inner {
            dialer,
            closed: CancellationToken::new(),
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(inner),
        }
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.shared.dialer
    }

    /// Closes every connection.
    pub(crate) fn close(&self) {
        self.shared.closed.cancel();
        *self.shared.state.lock() = State::default();
    }

    /// Sends a request; by reference, for what a task holds while it waits is memory of each request under way.
    pub(crate) async fn send(&self, request: &Request<Bytes>) -> Result<Response<ResponseBody>, TransportError> {
        let mut stale = 0;
        loop {
            let outcome = match self.shared.lease().await? {
                Lease::Http2(connection) => {
                    let outcome = connection.send(request).await;
                    outcome.map(|response| response.map(Source::Http2))
                }
                // In a box, as all that is for few requests.
                Lease::Http1(connection) => {
                    let outcome = Box::pin(connection.send(request.clone(), &self.shared)).await;
                    outcome.map(|response| response.map(|(body, rest)| Source::Http1 { body, _rest: rest }))
                }
            };
            let closed = &self.shared.closed;
            match outcome {
                Ok(response) => {
                    return Ok(response.map(|source| ResponseBody {
                        source: Some(source),
                        closed: closed.clone(),
                    }));
                }
                Err(_) if closed.is_cancelled() => return Err(TransportError::Closed),
                // The server has done nothing: the connection had been closed while it rested, or is about to be.
                Err(Unanswered::Untouched(_)) if stale < MAX_STALE => stale += 1,
                Err(Unanswered::Untouched(error) | Unanswered::Failed(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Dialling that nobody waits for any more holds on to the pool.
        self.shared.state.lock().dialing = None;
    }
}

/// HTTP/1.1 wants the path in the request line and the authority in `Host`.
fn http1_form(request: &mut Request<Bytes>) {
    if let Some(authority) = request.uri().authority().cloned() {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let uri: http::Uri = path.parse().expect("a part of a URI is one");
        let host = http::HeaderValue::from_str(authority.as_str()).expect("an authority is a header value");
        *request.uri_mut() = uri;
        request.headers_mut().entry(http::header::HOST).or_insert(host);
    }
}

impl Inner {
    async fn lease(self: &Arc<Self>) -> Result<Lease, TransportError> {
        loop {
            let dialing = {
                let mut state = self.state.lock();
                if let Some(lease) = state.take() {
                    return Ok(lease);
                }
                if state.http1_only {
                    None
                } else {
                    let dialing = state.dialing.get_or_insert_with(|| {
                        let inner = self.clone();
                        async move {
                            let outcome = inner.dial().await;
                            let mut state = inner.state.lock();
                            state.dialing = None;
                            Ok(state.put(outcome?))
                        }
                        .boxed()
                        .shared()
                    });
                    Some(dialing.clone())
                }
            };
            match dialing {
                // One that has room is taken even if it has ended already: the request then learns why.
                Some(dialing) => match dialing.await? {
                    Dialed::Http2(connection) if connection.streams() <= MAX_STREAMS => {
                        return Ok(Lease::Http2(connection));
                    }
                    Dialed::Http2(_) | Dialed::Http1 => {}
                },
                None => return Box::pin(self.dial()).await,
            }
        }
    }

    async fn dial(self: &Arc<Self>) -> Result<Lease, TransportError> {
        let connection = tokio::select! {
            connection = self.dialer.dial(Protocols::Any) => connection?,
            () = self.closed.cancelled() => return Err(TransportError::Closed),
        };
        if connection.is_http2() {
            return Ok(Lease::Http2(Http2::start(connection, self.closed.clone()).await?));
        }
        let handshake = http1::Builder::new().handshake(TokioIo::new(connection)).await;
        let (sender, driver) = handshake.map_err(TransportError::exchange)?;
        let failure = Failure::default();
        let (told, closed) = (failure.clone(), self.closed.clone());
        tokio::spawn(async move {
            // Dropped after the reason is known, because its end wakes those who ask for it.
            tokio::pin!(driver);
            let ended = tokio::select! {
                ended = &mut driver => ended,
                () = closed.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the API server ended");
                told.get_or_init(|| TransportError::exchange(error));
            }
        });
        Ok(Lease::Http1(Http1 { sender, failure }))
    }
}

impl Http1 {
    async fn send(
        mut self,
        mut request: Request<Bytes>,
        pool: &Arc<Inner>,
    ) -> Result<Response<(Incoming, Rest)>, Unanswered> {
        http1_form(&mut request);
        let mut failed = match self.sender.try_send_request(request.map(Full::new)).await {
            Ok(response) => {
                let rest = Rest {
                    connection: Some(self),
                    pool: pool.clone(),
                };
                return Ok(response.map(|body| (body, rest)));
            }
            Err(failed) => failed,
        };
        let untouched = failed.take_message().is_some();
        let error = TransportError::exchange(failed.into_error());
        // A server that refuses the client's certificate says so after the client's part of the handshake.
        if let Some(refused @ TransportError::Tls(_)) = self.failure.get() {
            return Err(Unanswered::Failed(refused.clone()));
        }
        Err(if untouched {
            Unanswered::Untouched(error)
        } else {
            Unanswered::Failed(error)
        })
    }
}

impl State {
    fn take(&mut self) -> Option<Lease> {
        self.http2.retain(|connection| !connection.has_ended());
        // The fullest one that has room, so that the others can run dry.
        let free = self
            .http2
            .iter()
            .filter(|connection| connection.streams() < MAX_STREAMS)
            .max_by_key(|connection| connection.streams());
        if let Some(connection) = free {
            return Some(Lease::Http2(connection.clone()));
        }
        // In the order of their last use: what has been idle for too long stands in front.
        let now = Instant::now();
        let too_long = |(_, since): &&(_, Instant)| now.saturating_duration_since(*since) >= IDLE_TIMEOUT;
        let count = self.idle.iter().take_while(too_long).count();
        self.idle.drain(..count);
        while let Some((idle, _)) = self.idle.pop() {
            if !idle.sender.is_closed() {
                return Some(Lease::Http1(idle));
            }
        }
        None
    }

    fn put(&mut self, lease: Lease) -> Dialed {
        match lease {
            Lease::Http2(connection) => {
                self.http2.push(connection.clone());
                Dialed::Http2(connection)
            }
            Lease::Http1(connection) => {
                self.http1_only = true;
                self.idle.push((connection, Instant::now()));
                Dialed::Http1
            }
        }
    }
}

/// An HTTP/1.1 connection that goes back to its pool once the response has been read.
struct Rest {
    connection: Option<Http1>,
    pool: Arc<Inner>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.connection.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let pool = self.pool.clone();
        runtime.spawn(async move {
            // A body that was not read to its end closes the connection, and this fails at once.
            if connection.sender.ready().await.is_ok() && !pool.closed.is_cancelled() {
                pool.state.lock().idle.push((connection, Instant::now()));
            }
        });
    }
}

enum Source {
    Http1 { body: Incoming, _rest: Rest },
    Http2(Http2Body),
}

impl Source {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match self {
            Self::Http1 { body, .. } => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(TransportError::exchange)))
            }
            Self::Http2(body) => {
                let data = ready!(body.poll_data(context));
                Poll::Ready(data.map(|data| data.map(Frame::data)))
            }
        }
    }
}

/// The body of a response; its connection is free again when it has been read or dropped.
pub struct ResponseBody {
    /// Nothing once it has been read.
    source: Option<Source>,
    closed: CancellationToken,
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let frame = ready!(source.poll_data(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(_)) if self.closed.is_cancelled() => Some(Err(TransportError::Closed)),
            Some(Err(error)) => Some(Err(error)),
            None => {
                self.source = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Some(Source::Http1 { body, .. }) => body.is_end_stream(),
            Some(Source::Http2(body)) => body.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Some(Source::Http1 { body, .. }) => body.size_hint(),
            Some(Source::Http2(body)) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
