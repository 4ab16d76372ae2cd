//! HTTP/2 connections, over the `h2` crate itself.
//!
//! hyper's client has a task and two channels for every request, which for the small requests of an API client is more work
//! than the request. Here a request writes its frames into the connection's buffers and waits for its own stream; one task a
//! connection carries them to and from the network.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use hyper::body::SizeHint;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::dial::Connection;
use super::error::TransportError;

/// How often a connection in use is pinged, and how long the answer may take.
const PING_PERIOD: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How much may be on the way in one stream and in one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;
/// The largest frame that is taken.
const MAX_FRAME: u32 = 64 * 1024;

/// Why a request got no response.
pub(super) enum Unanswered {
    /// The server has done nothing about it: it can be sent again.
    Untouched(TransportError),
    /// It may have been carried out.
    Failed(TransportError),
}

/// A connection; clones are the same one.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    state: Arc<State>,
    /// One clone a stream, and the pool's. The task ends with the last of them.
    users: Arc<DropGuard>,
}

#[derive(Default)]
struct State {
    /// No request can be sent any more.
    ended: AtomicBool,
    /// What the server said against the client's certificate, or that it does not answer.
    failure: OnceLock<TransportError>,
}

impl State {
    /// What went wrong with a stream, as far as the connection knows better.
    fn error(&self, error: h2::Error) -> TransportError {
        self.failure
            .get()
            .cloned()
            .unwrap_or_else(|| TransportError::http2(error))
    }
}

impl Http2 {
    /// Begins to speak HTTP/2 over a connection, until nobody uses it any more or `closed`.
    pub(super) async fn start(connection: Connection, closed: CancellationToken) -> Result<Self, TransportError> {
        let (sender, mut driver) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .enable_push(false)
            .handshake(connection)
            .await
            .map_err(TransportError::http2)?;
        let pings = driver.ping_pong().expect("it has not been taken before");
        let unused = CancellationToken::new();
        let connection = Self {
            sender,
            state: Arc::default(),
            users: Arc::new(unused.clone().drop_guard()),
        };
        let state = connection.state.clone();
        let users = Arc::downgrade(&connection.users);
        tokio::spawn(async move {
            let (driver, unanswered) = (Batched::new(driver), keep_alive(pings, users));
            tokio::pin!(driver, unanswered);
            let mut used = true;
            loop {
                tokio::select! {
                    biased;
                    ended = &mut driver => {
                        if let Err(error) = ended {
                            tracing::debug!(%error, "a connection to the API server ended");
                            if let refused @ TransportError::Tls(_) = TransportError::http2(error) {
                                state.failure.get_or_init(|| refused);
                            }
                        }
                        break;
                    }
                    () = closed.cancelled() => break,
                    () = &mut unanswered => {
                        state.failure.get_or_init(|| TransportError::Lost);
                        break;
                    }
                    // It says goodbye to the server when it is looked at next.
                    () = unused.cancelled(), if used => used = false,
                }
            }
            state.ended.store(true, Ordering::Release);
        });
        Ok(connection)
    }

    /// Whether no request can be sent any more.
    pub(super) fn has_ended(&self) -> bool {
        self.state.ended.load(Ordering::Acquire)
    }

    /// How many requests are under way, and how many have got the connection for theirs.
    pub(super) fn streams(&self) -> usize {
        Arc::strong_count(&self.users) - 1
    }

    /// Sends a request and waits for the response's headers.
    pub(super) async fn send(self, request: &Request<Bytes>) -> Result<Response<Http2Body>, Unanswered> {
        let Self { sender, state, users } = self;
        let mut sender = match sender.ready().await {
            Ok(sender) => sender,
            Err(error) => {
                state.ended.store(true, Ordering::Release);
                return Err(match state.error(error) {
                    refused @ TransportError::Tls(_) => Unanswered::Failed(refused),
                    error => Unanswered::Untouched(error),
                });
            }
        };
        let outcome = match begin(&mut sender, request) {
            Ok(response) => response.await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(response) => {
                let length = response.headers().get(CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                Ok(response.map(|stream| Http2Body {
                    stream,
                    left: length.unwrap_or(0),
                    state,
                    _user: users,
                }))
            }
            Err(error) if is_untouched(&error) => Err(Unanswered::Untouched(TransportError::http2(error))),
            Err(error) => Err(Unanswered::Failed(state.error(error))),
        }
    }
}

/// Hands a request to the connection, whole.
fn begin(sender: &mut SendRequest<Bytes>, request: &Request<Bytes>) -> Result<ResponseFuture, h2::Error> {
    let mut head = Request::new(());
    request.method().clone_into(head.method_mut());
    request.uri().clone_into(head.uri_mut());
    request.headers().clone_into(head.headers_mut());
    let body = request.body();
    if !body.is_empty() || matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        head.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    }
    let (response, mut stream) = sender.send_request(head, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(body.clone(), true)?;
    }
    Ok(response)
}

/// Whether the server has said that it did nothing about a stream: the stream is none of the last ones that it carries out.
fn is_untouched(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

/// Lets the tasks that are ready go first each time, so that what they send goes out in one piece. A task that was woken by
/// the first of them would run at once otherwise, and write to the network for each of them.
struct Batched<F> {
    inner: F,
    /// Whether the others have had their turn.
    waited: bool,
}

impl<F> Batched<F> {
    fn new(inner: F) -> Self {
        Self { inner, waited: false }
    }
}

impl<F: Future + Unpin> Future for Batched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !std::mem::replace(&mut self.waited, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        Pin::new(&mut self.inner).poll(context)
    }
}

/// Returns when a ping has found no answer. Connections that nobody uses are left alone.
async fn keep_alive(mut pings: PingPong, users: Weak<DropGuard>) {
    loop {
        sleep(PING_PERIOD).await;
        if users.strong_count() > 1 && timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await.is_err() {
            return;
        }
    }
}

/// The body of a response.
pub(super) struct Http2Body {
    stream: RecvStream,
    /// How much of what was announced has not come yet.
    left: u64,
    state: Arc<State>,
    _user: Arc<DropGuard>,
}

impl Http2Body {
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        Poll::Ready(match ready!(self.stream.poll_data(context)) {
            None => None,
            Some(Ok(data)) => {
                // A stream that has ended meanwhile needs no more room.
                let _ = self.stream.flow_control().release_capacity(data.len());
                self.left = self.left.saturating_sub(data.len() as u64);
                Some(Ok(data))
            }
            // The server has said all that it wants to say.
            Some(Err(error)) if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) => None,
            Some(Err(error)) => Some(Err(self.state.error(error))),
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.left);
        hint
    }
}

#[cfg(test)]
mod tests;
