//! HTTP serving: HTTP/1.1 and HTTP/2 on one port, with or without TLS, from the first byte to an orderly end.
//!
//! A [`Server`] knows connections, a [`Handler`] knows requests; between them stand [`Body`] and [`RequestContext`] and
//! nothing else. The handler is called once a request and answers it with one response; upgrades go through
//! `hyper::upgrade::on`. A panic in a handler, or in a body that it returned, costs that request and no other.
//!
//! The end comes in steps: no new connections, GOAWAY or `Connection: close` on the open ones; requests in flight finish
//! within a bound; then watches and sessions are told to end (see [`RequestContext::mark_long_running`]); what is left
//! after a second bound is cut off. Every task is tracked, and [`Server::serve`] returns when the last one is gone.
//!
//! *Invariant*: no API types here. *Deliberate absence*: authentication, timeouts of requests, body limits; they belong
//! to the handler's filters. Counterpart upstream: `SecureServingInfo.Serve` and `dynamiccertificates` of
//! `k8s.io/apiserver`, and Go's `net/http` below them.

mod activity;
mod body;
mod certificates;
mod connection;
mod context;
mod cork;
mod listener;
mod tls;
pub(crate) mod tls_names;
mod turn;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use prometheus::IntCounter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::{Body, BoxError, CollectError};
pub use certificates::{
    CaBundle, CertificateError, CertificateFiles, PemPair, ServingCertificate, find_or_generate, generate_self_signed,
};
pub use context::{ConnectionInfo, RequestContext, TlsInfo};
pub use listener::{ListenOptions, Listener};
pub use tls::{CertificateSource, DynamicCaBundle, ServingTls, SniCertificate, TlsError, TlsProtocol};
pub use tls_names::TlsNameError;
pub use turn::Part;

use connection::serve_connection;
use context::Drain;

/// What answers requests.
///
/// Functions from a request to a future of its response are handlers. The [`RequestContext`] is in the extensions.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when the client goes away.
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>>;

    /// Whether the answer to such a request waits for nothing and costs microseconds, so that the task of an HTTP/2
    /// connection may as well give it itself. An answer that waits after all goes on in a task of its own.
    fn answers_at_once(&self, _method: &Method, _uri: &Uri) -> bool {
        false
    }
}

impl<F, R> Handler for F
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        self(request).boxed()
    }
}

/// A request that ended in a panic.
#[derive(Debug)]
pub struct PanicReport {
    /// The request's method.
    pub method: Method,
    /// What it asked for.
    pub uri: Uri,
    /// The panic's message; for logs, not for clients.
    pub message: String,
}

type PanicResponse = Arc<dyn Fn(&PanicReport) -> Response<Body> + Send + Sync>;

/// Limits and periods of a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// How many streams a client may have open on one HTTP/2 connection; 0 for the default of 250.
    pub http2_max_streams: u32,
    /// How large a request's head may be.
    pub max_header_bytes: u32,
    /// How long the TLS handshake, and then each request's head, may take.
    pub head_limit: Duration,
    /// How long a connection may be without requests.
    pub idle_limit: Duration,
    /// How long shutdown waits for requests in flight.
    pub drain_limit: Duration,
    /// How long shutdown waits, after that, for watches and sessions that were told to end.
    pub long_running_limit: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            http2_max_streams: 250,
            max_header_bytes: 1 << 20,
            head_limit: Duration::from_secs(32),
            idle_limit: Duration::from_secs(90),
            drain_limit: Duration::from_secs(60),
            long_running_limit: Duration::from_secs(5),
        }
    }
}

/// An HTTP server; clones share everything and may serve several listeners.
#[derive(Clone)]
pub struct Server {
    handler: Arc<dyn Handler>,
    tls: Option<Arc<ServingTls>>,
    settings: Arc<ServerSettings>,
    panic_response: PanicResponse,
    handshake_errors: Option<IntCounter>,
}

impl Server {
    /// A server without TLS, with the default settings.
    pub fn new(handler: impl Handler) -> Self {
        Self::of(Arc::new(handler))
    }

    /// [`Server::new`] for a handler that is shared already.
    #[must_use]
    pub fn of(handler: Arc<dyn Handler>) -> Self {
        Self {
            handler,
            tls: None,
            settings: Arc::default(),
            panic_response: Arc::new(|_| {
                let mut response = Response::new(Body::from(
                    "This request caused the server to panic. Look in the logs for details.\n",
                ));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                response
            }),
            handshake_errors: None,
        }
    }

    /// Serves TLS on TCP listeners.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<ServingTls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets limits and periods.
    #[must_use]
    pub fn with_settings(mut self, settings: ServerSettings) -> Self {
        self.settings = Arc::new(settings);
        self
    }

    /// Sets what a panicking request is answered with.
    #[must_use]
    pub fn with_panic_response(
        mut self,
        respond: impl Fn(&PanicReport) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        self.panic_response = Arc::new(respond);
        self
    }

    /// Counts failed TLS handshakes here.
    #[must_use]
    pub fn with_handshake_errors(mut self, counter: IntCounter) -> Self {
        self.handshake_errors = Some(counter);
        self
    }

    /// Serves until `shutdown` is cancelled and everything has come to its end.
    ///
    /// Dropping the future leaves connections running; cancel instead.
    pub async fn serve(self, listener: Listener, shutdown: CancellationToken) {
        let drain = Arc::new(Drain::new(shutdown));
        let tasks = TaskTracker::new();
        let name = describe(&listener);
        if self.tls.is_some() {
            tracing::info!("Serving securely on {name}");
        } else {
            tracing::info!("Serving insecurely on {name}");
        }
        self.accept(&listener, &drain, &tasks).await;
        drop(listener);
        tracing::info!("Stopped listening on {name}");

        if tokio::time::timeout(self.settings.drain_limit, drain.settled())
            .await
            .is_err()
        {
            tracing::warn!(limit = ?self.settings.drain_limit, "requests are still in flight after the limit");
        }
        drain.end_long_running.cancel();
        tasks.close();
        if tokio::time::timeout(self.settings.long_running_limit, tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = tasks.len(), "cutting off what is left");
            drain.abort.cancel();
            tasks.wait().await;
        }
    }

    /// Takes connections until the server stops.
    async fn accept(&self, listener: &Listener, drain: &Arc<Drain>, tasks: &TaskTracker) {
        const FIRST_PAUSE: Duration = Duration::from_millis(5);
        let mut pause = FIRST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.stopping.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(connection) => {
                    pause = FIRST_PAUSE;
                    tasks.spawn(serve_connection(
                        self.clone(),
                        connection,
                        Arc::clone(drain),
                        tasks.clone(),
                    ));
                }
                // The connection is gone; the listener is well.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    // Most likely there are no file descriptors left; they come back as connections end.
                    tracing::error!(err = %error, retry = ?pause, "accept failed");
                    tokio::select! {
                        () = drain.stopping.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }
}

fn describe(listener: &Listener) -> String {
    match listener.local_addr() {
        Ok(Some(address)) => address.to_string(),
        _ => "a Unix socket".to_owned(),
    }
}
