//! One back end: where it is, and how a connection to it is made.

mod tls;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use component_base::serving::Body;
use futures::future::BoxFuture;
use http::{Request, Response, Uri, uri::Authority};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use streaming::{BoxIo, Connector};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use tls::{TlsFiles, TlsFilesError};

/// How long a connection may take to be made.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    /// No connection.
    #[error("error dialing backend: {0}")]
    Dial(#[source] io::Error),
    /// The exchange failed.
    #[error("{0}")]
    Exchange(#[source] hyper::Error),
}

/// A back end.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// How it is spoken to over TLS; `None`: in the clear.
    pub(crate) tls: Option<Arc<TlsFiles>>,
    /// Whatever certificate it shows is taken.
    pub(crate) skip_verification: bool,
    pub(crate) timeout: Duration,
}

impl Backend {
    /// A back end in the clear, or over TLS with any certificate.
    pub(crate) fn plain(host: &str, port: u16, secure: bool) -> Self {
        Self {
            host: host.to_owned(),
            port,
            tls: secure.then(|| Arc::new(TlsFiles::default())),
            skip_verification: true,
            timeout: DIAL_TIMEOUT,
        }
    }

    /// `host:port`, with IPv6 addresses in brackets.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The URL of a path and query on the back end.
    pub(crate) fn location(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        let authority: Authority = self.authority().parse()?;
        Uri::builder()
            .scheme(self.scheme())
            .authority(authority)
            .path_and_query(path_and_query)
            .build()
    }

    async fn dial(&self) -> io::Result<BoxIo> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(files) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let config = files.client_config(self.skip_verification).map_err(io::Error::other)?;
        let name = match self.host.parse::<IpAddr>() {
            Ok(ip) => ServerName::IpAddress(ip.into()),
            Err(_) => ServerName::try_from(self.host.clone()).map_err(io::Error::other)?,
        };
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Box::new(stream))
    }

    /// Makes a connection.
    pub(crate) async fn open(&self) -> io::Result<BoxIo> {
        let dialed = tokio::time::timeout(self.timeout, self.dial()).await;
        dialed.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")))
    }

    /// Sends one request on a connection of its own. Its URI is a path and query.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, BackendError> {
        let io = self.open().await.map_err(BackendError::Dial)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io))
            .await
            .map_err(BackendError::Exchange)?;
        // Ends with the answer's body.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a back end failed");
            }
        });
        sender.send_request(request).await.map_err(BackendError::Exchange)
    }
}

impl Connector for Backend {
    fn connect(&self) -> BoxFuture<'_, io::Result<BoxIo>> {
        Box::pin(self.open())
    }
}
