//! What a handler can learn of the connection and the server behind a request.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Extensions;
use rustls_pki_types::CertificateDer;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One connection, the same for all of its requests.
pub struct ConnectionInfo {
    /// The client's address; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// Our address; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// What TLS established; `None` on a plain connection.
    pub tls: Option<TlsInfo>,
    pub(super) close: Notify,
}

/// What TLS established.
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    /// The client's certificate and what it sent with it, DER, leaf first; empty when it sent none. The client has proven
    /// that it holds the leaf's key. Nothing else has been verified: that is the authenticator's part.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// The host name that the client asked for.
    pub server_name: Option<String>,
    /// Whether HTTP/2 was negotiated.
    pub http2: bool,
}

impl ConnectionInfo {
    pub(super) fn new(peer: Option<SocketAddr>, local: Option<SocketAddr>, tls: Option<TlsInfo>) -> Self {
        // A dual-stack socket sees IPv4 peers as mapped IPv6 addresses; everyone else wants them plain.
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self {
            peer: peer.map(canonical),
            local: local.map(canonical),
            tls,
            close: Notify::new(),
        }
    }

    /// The client's IP address.
    #[must_use]
    pub fn peer_ip(&self) -> Option<IpAddr> {
        self.peer.map(|address| address.ip())
    }

    /// Lets requests in flight finish, takes no more, and closes: GOAWAY on HTTP/2, `Connection: close` on HTTP/1.1.
    pub fn close_gracefully(&self) {
        self.close.notify_one();
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ConnectionInfo")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// How far the server's end has come; shared by all requests.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// Cancelled when the server takes no more connections.
    pub(super) stopping: CancellationToken,
    /// Cancelled when watches and other long-running requests are to end.
    pub(super) end_long_running: CancellationToken,
    /// Cancelled when whatever is left is cut off.
    pub(super) abort: CancellationToken,
    /// Requests in flight that are not long-running.
    short: AtomicUsize,
    settled: Notify,
}

impl Drain {
    /// The beginning of an end that this token announces.
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self {
            stopping,
            ..Self::default()
        }
    }

    /// Waits until no short request is in flight.
    pub(super) async fn settled(&self) {
        loop {
            let notified = self.settled.notified();
            if self.short.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }

    fn leave(&self) {
        if self.short.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }
}

struct Ticket {
    drain: Arc<Drain>,
    long_running: AtomicBool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.long_running.load(Ordering::Acquire) {
            self.drain.leave();
        }
    }
}

/// A request's view of its server; in the extensions of every request.
///
/// Clones belong to the same request. A clone that outlives the response keeps the request counted as in flight.
#[derive(Clone)]
pub struct RequestContext {
    connection: Arc<ConnectionInfo>,
    ticket: Arc<Ticket>,
}

impl RequestContext {
    pub(super) fn new(connection: Arc<ConnectionInfo>, drain: Arc<Drain>) -> Self {
        drain.short.fetch_add(1, Ordering::AcqRel);
        Self {
            connection,
            ticket: Arc::new(Ticket {
                drain,
                long_running: AtomicBool::new(false),
            }),
        }
    }

    /// A context for handlers that are called without a network.
    #[must_use]
    pub fn detached() -> Self {
        Self::new(
            Arc::new(ConnectionInfo::new(None, None, None)),
            Arc::new(Drain::default()),
        )
    }

    /// The context of a request that came through a [`Server`](super::Server).
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Arc<ConnectionInfo> {
        &self.connection
    }

    /// The certificates that the client presented; empty when it presented none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection.tls.as_ref().map_or(&[], |tls| &tls.peer_certificates)
    }

    /// Declares the request a watch, an exec session or the like: shutdown does not wait for it but tells it to end
    /// through [`RequestContext::end_of_long_running`].
    pub fn mark_long_running(&self) {
        if !self.ticket.long_running.swap(true, Ordering::AcqRel) {
            self.ticket.drain.leave();
        }
    }

    /// Cancelled when long-running requests are to end because the server does.
    #[must_use]
    pub fn end_of_long_running(&self) -> &CancellationToken {
        &self.ticket.drain.end_long_running
    }

    /// Cancelled as soon as the server takes no more connections.
    #[must_use]
    pub fn server_stopping(&self) -> &CancellationToken {
        &self.ticket.drain.stopping
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(out)
    }
}
