//! Makes connections: TCP, a proxy if there is one, TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::TransportError;
use super::proxy::{self, Proxy};
use super::target::Target;
use crate::config::Resolve;

/// How long a TCP connection may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the two sides may take for TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection is to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/2 if the server knows it.
    Any,
    /// HTTP/1.1, which can be upgraded.
    Http1,
}

/// TLS settings of one generation of connections.
#[derive(Clone)]
pub(crate) struct DialTls {
    /// Offers HTTP/2 and HTTP/1.1.
    pub(crate) any: Arc<rustls::ClientConfig>,
    /// Offers HTTP/1.1 only.
    pub(crate) http1: Arc<rustls::ClientConfig>,
    /// The name that the server must prove.
    pub(crate) server_name: ServerName<'static>,
}

/// Makes connections to one server.
pub(crate) struct Dialer {
    pub(crate) target: Target,
    pub(crate) tls: Option<DialTls>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
    pub(crate) http1_only: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to an API server, through proxies and TLS.
pub struct Connection {
    stream: Box<dyn Stream>,
    http2: bool,
}

impl Connection {
    /// Whether the two sides agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.http2
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}

pub(super) async fn tcp(address: &str) -> Result<TcpStream, TransportError> {
    let failed = |error: io::Error| TransportError::Dial {
        address: address.to_owned(),
        source: Arc::new(error),
    };
    let stream = tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
        .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// TLS over any stream.
pub(super) async fn tls<S>(
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> Result<tokio_rustls::client::TlsStream<S>, TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(|_| TransportError::HandshakeTimeout)?
        .map_err(|error| TransportError::Tls(Arc::new(error)))
}

impl Dialer {
    pub(crate) async fn dial(&self, protocols: Protocols) -> Result<Connection, TransportError> {
        match &self.proxy {
            None => {
                let address = match &self.resolver {
                    Some(resolver) => resolver.address().map_err(TransportError::Config)?,
                    None => self.target.address(),
                };
                let stream = tcp(&address).await?;
                self.secure(stream, protocols).await
            }
            Some(proxy) => {
                let stream = proxy::connect(proxy, &self.target).await?;
                self.secure(stream, protocols).await
            }
        }
    }

    async fn secure<S>(&self, stream: S, protocols: Protocols) -> Result<Connection, TransportError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Some(settings) = &self.tls else {
            return Ok(Connection {
                stream: Box::new(stream),
                http2: false,
            });
        };
        let config = match protocols {
            Protocols::Any if !self.http1_only => settings.any.clone(),
            Protocols::Any | Protocols::Http1 => settings.http1.clone(),
        };
        let stream = tls(config, settings.server_name.clone(), stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connection {
            stream: Box::new(stream),
            http2,
        })
    }
}
