//! Connections in use and at rest.
//!
//! HTTP/2 connections are shared by up to [`MAX_STREAMS`] requests each, so that a hundred watches never keep a request
//! waiting for a stream; HTTP/1.1 connections serve one request at a time. Requests that need a new connection share the
//! dialling of the first one, and its failure.

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
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::closable::Closable;
use super::dial::{Dialer, Protocols};
use super::error::TransportError;

/// Requests on one HTTP/2 connection. Servers must allow at least 100 by the standard's advice, and do.
const MAX_STREAMS: usize = 96;
/// How long an HTTP/1.1 connection rests before it is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often an HTTP/2 connection in use is pinged, and how long the answer may take.
const PING_PERIOD: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How much may be on the way in one stream and in one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;
/// How often a request is tried anew because a connection turned out to be closed before anything was sent.
const MAX_STALE: usize = 8;

type RequestBody = Full<Bytes>;
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

#[derive(Clone)]
struct Http2 {
    sender: http2::SendRequest<RequestBody>,
    /// One clone a stream.
    streams: Arc<()>,
    failure: Failure,
}

struct Http1 {
    sender: http1::SendRequest<RequestBody>,
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

    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, TransportError> {
        let mut stale = 0;
        loop {
            let (outcome, failure) = match self.shared.lease().await? {
                Lease::Http2(mut connection) => {
                    let outcome = connection.sender.try_send_request(request).await;
                    let hold = Hold::Http2 {
                        _stream: connection.streams,
                    };
                    (outcome.map(|response| (response, hold)), connection.failure)
                }
                Lease::Http1(mut connection) => {
                    http1_form(&mut request);
                    let outcome = connection.sender.try_send_request(request).await;
                    let failure = connection.failure.clone();
                    let hold = Hold::Http1 {
                        connection: Some(connection),
                        pool: self.shared.clone(),
                    };
                    (outcome.map(|response| (response, hold)), failure)
                }
            };
            let mut failed = match outcome {
                Ok((response, hold)) => {
                    let closed = self.shared.closed.clone();
                    return Ok(response.map(|body| ResponseBody {
                        body,
                        hold: Some(hold),
                        closed,
                    }));
                }
                Err(failed) => failed,
            };
            if self.shared.closed.is_cancelled() {
                return Err(TransportError::Closed);
            }
            // A server that refuses the client's certificate says so after the client's part of the handshake.
            if let Some(refused @ TransportError::Tls(_)) = failure.get() {
                return Err(refused.clone());
            }
            match failed.take_message() {
                // Nothing was sent: the connection had been closed while it rested.
                Some(back) if stale < MAX_STALE => {
                    stale += 1;
                    request = back;
                }
                _ => return Err(TransportError::exchange(failed.into_error())),
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
fn http1_form(request: &mut Request<RequestBody>) {
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
                    Dialed::Http2(connection) if connection.has_room() => return Ok(Lease::Http2(connection)),
                    Dialed::Http2(_) | Dialed::Http1 => {}
                },
                None => return self.dial().await,
            }
        }
    }

    async fn dial(self: &Arc<Self>) -> Result<Lease, TransportError> {
        let connection = tokio::select! {
            connection = self.dialer.dial(Protocols::Any) => connection?,
            () = self.closed.cancelled() => return Err(TransportError::Closed),
        };
        let failure = Failure::default();
        let is_http2 = connection.is_http2();
        let connection = TokioIo::new(Closable::new(connection, self.closed.clone()));
        if is_http2 {
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_PERIOD)
                .keep_alive_timeout(PING_TIMEOUT)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_frame_size(64 * 1024)
                .handshake(connection)
                .await
                .map_err(TransportError::exchange)?;
            Self::drive(driver, failure.clone());
            return Ok(Lease::Http2(Http2 {
                sender,
                streams: Arc::new(()),
                failure,
            }));
        }
        let handshake = http1::Builder::new().handshake(connection).await;
        let (sender, driver) = handshake.map_err(TransportError::exchange)?;
        Self::drive(driver, failure.clone());
        Ok(Lease::Http1(Http1 { sender, failure }))
    }

    /// Runs a connection until it ends.
    fn drive<D>(driver: D, failure: Failure)
    where
        D: Future<Output = Result<(), hyper::Error>> + Send + 'static,
    {
        tokio::spawn(async move {
            // Dropped after the reason is known, because its end wakes those who ask for it.
            tokio::pin!(driver);
            if let Err(error) = (&mut driver).await {
                tracing::debug!(%error, "a connection to the API server ended");
                failure.get_or_init(|| TransportError::exchange(error));
            }
        });
    }
}

impl Http2 {
    fn has_room(&self) -> bool {
        Arc::strong_count(&self.streams) <= MAX_STREAMS
    }
}

impl State {
    fn take(&mut self) -> Option<Lease> {
        self.http2.retain(|connection| !connection.sender.is_closed());
        // The fullest one that has room, so that the others can run dry.
        let free = self
            .http2
            .iter()
            .filter(|connection| connection.has_room())
            .max_by_key(|connection| Arc::strong_count(&connection.streams));
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

/// What a response keeps busy while its body is read.
enum Hold {
    Http2 {
        _stream: Arc<()>,
    },
    Http1 {
        connection: Option<Http1>,
        pool: Arc<Inner>,
    },
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Self::Http1 { connection, pool } = self else { return };
        let (Some(mut connection), Ok(runtime)) = (connection.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let pool = pool.clone();
        runtime.spawn(async move {
            // A body that was not read to its end closes the connection, and this fails at once.
            if connection.sender.ready().await.is_ok() && !pool.closed.is_cancelled() {
                pool.state.lock().idle.push((connection, Instant::now()));
            }
        });
    }
}

/// The body of a response; its connection is free again when it has been read or dropped.
pub struct ResponseBody {
    body: Incoming,
    hold: Option<Hold>,
    closed: CancellationToken,
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ResponseBody")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(_)) if self.closed.is_cancelled() => Some(Err(TransportError::Closed)),
            Some(Err(error)) => Some(Err(TransportError::exchange(error))),
            None => {
                self.hold = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
