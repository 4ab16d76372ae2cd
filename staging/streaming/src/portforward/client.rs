//! The client: opens forwarded connections, for single use or behind a listener.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{DATA, ERROR, PORT, REQUEST_ID, STREAM_TYPE, V1, parse_u16};
use crate::dial::{DialError, Endpoint};
use crate::io::{CopyError, copy};
use crate::spdy::{Headers, Session, SessionError, Stream};

/// How often a tunnelled session is pinged.
const PING_PERIOD: Duration = Duration::from_secs(10);

/// The longest error text that is read.
const MAX_MESSAGE: u64 = 64 * 1024;

/// What can go wrong with a forwarded connection.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// There was no connection to the server.
    #[error("error upgrading connection: {0}")]
    Dial(#[from] DialError),
    /// The server chose another protocol.
    #[error("unable to negotiate protocol: client supports \"portforward.k8s.io\", server returned {0:?}")]
    Protocol(String),
    /// The connection to the server is over.
    #[error("lost connection to pod")]
    Lost(#[source] SessionError),
    /// A stream was not accepted.
    #[error("error creating {kind} stream for port {local} -> {remote}: {source}")]
    Stream {
        /// Which stream.
        kind: &'static str,
        /// The port here.
        local: u16,
        /// The port there.
        remote: u16,
        /// Why not.
        source: SessionError,
    },
    /// The server could not forward, in its words.
    #[error("an error occurred forwarding {local} -> {remote}: {message}")]
    Remote {
        /// The port here.
        local: u16,
        /// The port there.
        remote: u16,
        /// The server's words.
        message: String,
    },
    /// Accepting connections failed.
    #[error("error accepting connection on port {0}: {1}")]
    Accept(u16, #[source] io::Error),
}

/// A local port and the remote port that it leads to. Local port 0 is any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedPort {
    /// The port here.
    pub local: u16,
    /// The port there.
    pub remote: u16,
}

/// A port specification that is wrong, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortSpecError {
    /// Too many colons.
    #[error("invalid port format '{0}'")]
    Format(String),
    /// The part for this side.
    #[error("error parsing local port '{0}': strconv.ParseUint: parsing {0:?}: {1}")]
    Local(String, &'static str),
    /// The part for the other side.
    #[error("error parsing remote port '{0}': strconv.ParseUint: parsing {0:?}: {1}")]
    Remote(String, &'static str),
    /// Port 0 there.
    #[error("remote port must be > 0")]
    Zero,
}

/// Parses `5000`, `8888:5000`, `:5000` or `0:5000`.
///
/// # Errors
/// See [`PortSpecError`].
pub fn parse_port(text: &str) -> Result<ForwardedPort, PortSpecError> {
    let parts: Vec<&str> = text.split(':').collect();
    let (local, remote) = match parts[..] {
        [both] => (both, both),
        ["", remote] => ("0", remote),
        [local, remote] => (local, remote),
        _ => return Err(PortSpecError::Format(text.to_owned())),
    };
    let local = parse_u16(local).map_err(|why| PortSpecError::Local(local.to_owned(), why))?;
    let remote = parse_u16(remote).map_err(|why| PortSpecError::Remote(remote.to_owned(), why))?;
    if remote == 0 {
        return Err(PortSpecError::Zero);
    }
    Ok(ForwardedPort { local, remote })
}

/// A connection to a server over which ports are forwarded. Dropping it ends them all.
pub struct PortForwarder {
    session: Session,
    next_request: AtomicU64,
}

impl PortForwarder {
    /// Connects: SPDY in a WebSocket, or plain SPDY when the server does not upgrade to a WebSocket.
    ///
    /// # Errors
    /// See [`ForwardError`].
    pub async fn dial(endpoint: &Endpoint) -> Result<Self, ForwardError> {
        match endpoint.dial_tunnel(V1, Some(PING_PERIOD)).await {
            Err(error) if error.is_upgrade_failure() => {
                tracing::debug!(%error, "falling back to SPDY");
                Self::dial_spdy(endpoint).await
            }
            dialed => Self::new(dialed?),
        }
    }

    /// Connects over plain SPDY.
    ///
    /// # Errors
    /// See [`ForwardError`].
    pub async fn dial_spdy(endpoint: &Endpoint) -> Result<Self, ForwardError> {
        Self::new(endpoint.dial_spdy(&[V1], None).await?)
    }

    fn new((session, protocol): (Session, String)) -> Result<Self, ForwardError> {
        if protocol != V1 {
            return Err(ForwardError::Protocol(protocol));
        }
        Ok(Self {
            session,
            next_request: AtomicU64::new(0),
        })
    }

    /// Waits until the connection to the server is over.
    pub async fn closed(&self) -> ForwardError {
        ForwardError::Lost(self.session.closed().await)
    }

    /// Forwards every connection that the listener gets, until the connection to the server is over
    /// or, as upstream, the server reports an error. `on_connection` is called for each.
    ///
    /// # Errors
    /// Always one; see [`ForwardError`]. Cancelling it ends the forwarded connections.
    pub async fn forward(
        self: &Arc<Self>,
        listener: &TcpListener,
        ports: ForwardedPort,
        on_connection: impl Fn(ForwardedPort) + Send,
    ) -> ForwardError {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((connection, _)) => {
                        on_connection(ports);
                        let this = Arc::clone(self);
                        connections.spawn(async move { this.join(connection, ports).await });
                    }
                    Err(error) => return ForwardError::Accept(ports.local, error),
                },
                Some(done) = connections.join_next() => match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error @ ForwardError::Remote { .. })) => {
                        self.session.close();
                        return error;
                    }
                    Ok(Err(error)) => tracing::warn!(%error, "a forwarded connection failed"),
                    Err(error) => tracing::error!(%error, "a forwarded connection's task failed"),
                },
                lost = self.closed() => return lost,
            }
        }
    }

    /// Forwards one connection until it is over.
    ///
    /// # Errors
    /// See [`ForwardError`]; what happens to `connection` is none.
    pub async fn join(&self, mut connection: TcpStream, ports: ForwardedPort) -> Result<(), ForwardError> {
        let (data, mut error) = self.open(ports).await?;
        let mut message = Vec::new();
        let (mut remote_reader, mut remote_writer) = data.into_split();
        let (mut reader, mut writer) = connection.split();
        let up = async {
            match copy(&mut reader, &mut remote_writer, None).await {
                // Its failure is the session's end, which the other direction sees.
                Ok(()) | Err(CopyError::Write(_)) => drop(remote_writer.shutdown().await),
                Err(CopyError::Read(_)) => return,
            }
            std::future::pending().await
        };
        let down = async {
            if copy(&mut remote_reader, &mut writer, None).await.is_ok() {
                // The local program may have gone.
                let _ = writer.shutdown().await;
            }
        };
        tokio::select! {
            () = up => {}
            () = down => {}
        }
        remote_writer.reset();
        let read = (&mut error).take(MAX_MESSAGE).read_to_end(&mut message).await;
        if read.is_ok() && !message.is_empty() {
            return Err(ForwardError::Remote {
                local: ports.local,
                remote: ports.remote,
                message: String::from_utf8_lossy(&message).into_owned(),
            });
        }
        Ok(())
    }

    /// Opens the streams of one connection: data and error.
    async fn open(&self, ports: ForwardedPort) -> Result<(Stream, Stream), ForwardError> {
        let id = self.next_request.fetch_add(1, Ordering::Relaxed).to_string();
        let port = ports.remote.to_string();
        let open = async |kind: &'static str| {
            let headers = Headers::new([(STREAM_TYPE, kind), (PORT, &port), (REQUEST_ID, &id)]);
            self.session.open(headers).await.map_err(|source| ForwardError::Stream {
                kind: if kind == DATA { "forwarding" } else { kind },
                local: ports.local,
                remote: ports.remote,
                source,
            })
        };
        let mut error = open(ERROR).await?;
        // Nothing is ever sent on it from here; its failure is the session's end.
        let _ = error.shutdown().await;
        let data = open(DATA).await?;
        Ok((data, error))
    }
}
