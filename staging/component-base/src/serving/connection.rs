//! One connection: handshake, protocol, requests, end.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use super::activity::{Activity, Observed, RequestGuard, Verdict};
use super::body::{Body, BoxError};
use super::context::{ConnectionInfo, Drain, RequestContext, TlsInfo};
use super::cork::Cork;
use super::listener::Connection;
use super::turn::{Part, Streams};
use super::{PanicReport, Server, ServingTls};

/// How large a piece of a request body is taken in at once: most objects fit, and 250 streams of it do not hurt.
const UPLOAD_WINDOW: u32 = 256 * 1024;

/// Headers on an HTTP/1.1 request; the parser keeps a slot for each.
const MAX_HTTP1_HEADERS: usize = 256;

/// How long a connection that was told to close for idleness may take to do so.
const IDLE_CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Serves one connection to its end.
pub(super) async fn serve_connection(server: Server, connection: Connection, drain: Arc<Drain>, tasks: TaskTracker) {
    match connection {
        Connection::Tcp(stream, peer) => match server.tls.clone() {
            Some(tls) => {
                let Some((stream, info)) = handshake(&server, &tls, stream, peer, &drain).await else {
                    return;
                };
                if info.tls.as_ref().is_some_and(|tls| tls.http2) {
                    serve_http2(server, stream, info, drain, tasks).await;
                } else {
                    serve_http1(server, stream, info, drain).await;
                }
            }
            None => {
                let info = ConnectionInfo::new(Some(peer), stream.local_addr().ok(), None);
                serve_http1(server, stream, info, drain).await;
            }
        },
        Connection::Unix(stream) => {
            serve_http1(server, stream, ConnectionInfo::new(None, None, None), drain).await;
        }
    }
}

async fn handshake(
    server: &Server,
    tls: &ServingTls,
    stream: TcpStream,
    peer: SocketAddr,
    drain: &Drain,
) -> Option<(TlsStream<TcpStream>, ConnectionInfo)> {
    let local = stream.local_addr().ok();
    let acceptor = TlsAcceptor::from(tls.config(local.map(|address| address.ip())));
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(server.settings.head_limit, acceptor.accept(stream)) => accepted,
        () = drain.stopping.cancelled() => return None,
    };
    let error = match accepted {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let info = TlsInfo {
                peer_certificates: session
                    .peer_certificates()
                    .unwrap_or_default()
                    .iter()
                    .map(CertificateDer::clone)
                    .collect(),
                server_name: session.server_name().map(str::to_owned),
                http2: session.alpn_protocol() == Some(b"h2"),
            };
            return Some((stream, ConnectionInfo::new(Some(peer), local, Some(info))));
        }
        Ok(Err(error)) => error,
        Err(elapsed) => io::Error::new(io::ErrorKind::TimedOut, elapsed),
    };
    if let Some(counter) = &server.handshake_errors {
        counter.inc();
    }
    tracing::debug!(v = 5, peer = %peer, err = %error, "TLS handshake error");
    None
}

async fn serve_http1<S>(server: Server, stream: S, info: ConnectionInfo, drain: Arc<Drain>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let settings = Arc::clone(&server.settings);
    let activity = Activity::new(true, settings.head_limit, settings.idle_limit);
    let info = Arc::new(info);
    let service = {
        let (info, drain, activity) = (Arc::clone(&info), Arc::clone(&drain), Arc::clone(&activity));
        service_fn(move |request| {
            let context = RequestContext::new(Arc::clone(&info), Arc::clone(&drain));
            respond(server.clone(), context, activity.request(), request)
        })
    };
    let head = settings.max_header_bytes as usize;
    let connection = http1::Builder::new()
        .max_headers(MAX_HTTP1_HEADERS)
        .max_header_size(head)
        // The buffer holds the head and the read that completes it.
        .max_buf_size(head.max(8192) + 8192)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(Observed::new(stream, Arc::clone(&activity))), service)
        .with_upgrades();
    let sent = |_: &mut Context<'_>| Poll::Ready(Ok(()));
    drive(connection, sent, &Part::new(), &info, &drain, &activity).await;
}

async fn serve_http2(
    server: Server,
    stream: TlsStream<TcpStream>,
    info: ConnectionInfo,
    drain: Arc<Drain>,
    tasks: TaskTracker,
) {
    let settings = Arc::clone(&server.settings);
    let activity = Activity::new(false, settings.head_limit, settings.idle_limit);
    let info = Arc::new(info);
    let part = Part::new();
    let running = Streams::new(tasks, &part);
    let service = {
        let (info, drain, activity) = (Arc::clone(&info), Arc::clone(&drain), Arc::clone(&activity));
        let running = running.clone();
        service_fn(move |request: Request<Incoming>| {
            if server.handler.answers_at_once(request.method(), request.uri()) {
                running.expect_at_once();
            }
            let context = RequestContext::new(Arc::clone(&info), Arc::clone(&drain));
            respond(server.clone(), context, activity.request(), request)
        })
    };
    let streams = if settings.http2_max_streams == 0 {
        250
    } else {
        settings.http2_max_streams
    };
    let cork = Cork::new(stream);
    let connection = http2::Builder::new(running)
        .max_concurrent_streams(streams)
        .initial_stream_window_size(UPLOAD_WINDOW)
        .initial_connection_window_size(UPLOAD_WINDOW.saturating_mul(streams).min(i32::MAX.unsigned_abs()))
        .max_frame_size(UPLOAD_WINDOW)
        .max_header_list_size(settings.max_header_bytes)
        .serve_connection(TokioIo::new(cork.clone()), service);
    let send = |context: &mut Context<'_>| cork.poll_release(context);
    drive(connection, send, &part, &info, &drain, &activity).await;
}

/// A protocol's connection, which can be asked to finish.
trait Graceful: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S, E> Graceful for http2::Connection<I, S, E>
where
    Self: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming, ResBody = Tracked>,
    S::Error: Into<BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, Tracked>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Graceful for http1::UpgradeableConnection<I, S>
where
    Self: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming, ResBody = Tracked>,
    S::Error: Into<BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs the connection, and ends it when the server stops, when it is told to, or when it is of no more use. `send` sends
/// what the connection has written.
async fn drive(
    connection: impl Graceful,
    mut send: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
    part: &Part,
    info: &ConnectionInfo,
    drain: &Drain,
    activity: &Activity,
) {
    let mut connection = pin!(connection);
    let mut orders = Orders::new(info, drain, activity);
    loop {
        let woken = Part::new();
        let mut order = pin!(orders.next());
        let order = poll_fn(|context| {
            let turn = part.poll(context, |context| {
                let ended = connection.as_mut().poll(context).map_err(BoxError::from);
                match send(context) {
                    Poll::Ready(Err(error)) if ended.is_pending() => Poll::Ready(Err(error.into())),
                    _ => ended,
                }
            });
            match turn {
                Poll::Ready(outcome) => Poll::Ready(Err(outcome)),
                Poll::Pending => woken.poll(context, |context| order.as_mut().poll(context)).map(Ok),
            }
        });
        match order.await {
            Ok(Order::Finish) => {
                connection.as_mut().finish();
                part.raise();
            }
            Ok(Order::Cut) => return,
            Err(Ok(())) => return,
            Err(Err(error)) => {
                tracing::debug!(v = 5, peer = ?info.peer, err = %error, "connection ended with an error");
                return;
            }
        }
    }
}

/// What becomes of a connection that does not end by itself.
enum Order {
    /// It finishes what it has begun.
    Finish,
    /// It ends here.
    Cut,
}

/// What a connection is told in the course of its life.
struct Orders<'a> {
    info: &'a ConnectionInfo,
    drain: &'a Drain,
    activity: &'a Activity,
    timer: Pin<Box<Sleep>>,
    finishing: bool,
    idle_close: Option<Instant>,
}

impl<'a> Orders<'a> {
    fn new(info: &'a ConnectionInfo, drain: &'a Drain, activity: &'a Activity) -> Self {
        Self {
            info,
            drain,
            activity,
            timer: Box::pin(tokio::time::sleep_until(next_look(activity))),
            finishing: false,
            idle_close: None,
        }
    }

    /// Waits for the next order.
    async fn next(&mut self) -> Order {
        loop {
            tokio::select! {
                () = self.drain.abort.cancelled() => return Order::Cut,
                () = self.drain.stopping.cancelled(), if !self.finishing => return self.finish(),
                () = self.info.close.notified(), if !self.finishing => return self.finish(),
                () = self.timer.as_mut() => {
                    if let Some(order) = self.look() {
                        return order;
                    }
                }
            }
        }
    }

    fn finish(&mut self) -> Order {
        self.finishing = true;
        Order::Finish
    }

    /// Looks at what the connection has been doing.
    fn look(&mut self) -> Option<Order> {
        match self.activity.verdict() {
            Verdict::LookAgain(at) => {
                self.idle_close = None;
                self.timer.as_mut().reset(at);
                None
            }
            Verdict::SlowHead => {
                tracing::debug!(v = 5, peer = ?self.info.peer, "the request's head took too long");
                Some(Order::Cut)
            }
            Verdict::Idle => {
                // The second time round the client has not gone along.
                if self.idle_close.is_some_and(|limit| limit <= Instant::now()) {
                    return Some(Order::Cut);
                }
                let limit = Instant::now() + IDLE_CLOSE_LIMIT;
                self.timer.as_mut().reset(limit);
                self.idle_close.replace(limit).is_none().then(|| self.finish())
            }
        }
    }
}

fn next_look(activity: &Activity) -> Instant {
    match activity.verdict() {
        Verdict::LookAgain(at) => at,
        Verdict::Idle | Verdict::SlowHead => Instant::now(),
    }
}

/// Has the handler answer, and answers for it if it panics.
async fn respond(
    server: Server,
    context: RequestContext,
    guard: RequestGuard,
    request: Request<Incoming>,
) -> Result<Response<Tracked>, Infallible> {
    let mut request = request.map(Body::from);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    request.extensions_mut().insert(context.clone());
    // What the handler left half done is its own; nothing that is shared with other requests is touched here.
    let answered = AssertUnwindSafe(async { server.handler.handle(request).await })
        .catch_unwind()
        .await;
    let response = answered.unwrap_or_else(|panic| {
        let report = PanicReport {
            method,
            uri,
            message: panic_message(&*panic),
        };
        tracing::error!(method = %report.method, uri = %report.uri.path(), panic = report.message, "request panicked");
        (server.panic_response)(&report)
    });
    Ok(response.map(|body| Tracked {
        body,
        _guard: guard,
        _context: context,
    }))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

/// A response body that keeps its request counted until it is sent, and turns a panic into an error of the body.
struct Tracked {
    body: Body,
    _guard: RequestGuard,
    _context: RequestContext,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.body).poll_frame(context))) {
            Ok(polled) => polled,
            Err(panic) => {
                let message = panic_message(&*panic);
                tracing::error!(panic = message, "response body panicked");
                // The body is in an unknown state and is not asked again.
                self.body = Body::empty();
                Poll::Ready(Some(Err("the response was cut short by an internal error".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
