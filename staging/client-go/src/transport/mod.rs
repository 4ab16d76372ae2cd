//! Connections to one API server: TLS, credentials, a pool of HTTP/2 and HTTP/1.1 connections (upstream: `client-go/transport`).
//!
//! Client certificates, authorities and tokens are read again when their files change. **Invariant:** once a certificate
//! has changed, no request goes over a connection that was made with the one before; those connections are closed.

mod auth;
mod dial;
mod error;
mod http2;
mod pool;
mod proxy;
mod target;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;
use tokio::time::Instant;

pub use dial::Connection;
pub use error::TransportError;
pub use pool::ResponseBody;

use crate::config::{Config, Resolve};
use auth::Auth;
use dial::Dialer;
use pool::Pool;
use target::Target;
use tls::TlsSource;

/// How long files and credentials are taken as unchanged.
const RECHECK: Duration = Duration::from_secs(1);

/// Sends requests to one server.
pub(crate) struct Transport {
    pub(crate) target: Target,
    auth: Auth,
    tls: Option<TlsSource>,
    proxy: Option<proxy::Proxy>,
    resolver: Option<Arc<dyn Resolve>>,
    http1_only: bool,
    current: Mutex<Current>,
}

struct Current {
    pool: Arc<Pool>,
    checked: Instant,
}

impl Transport {
    pub(crate) fn new(config: &Config) -> Result<Self, TransportError> {
        let target = Target::new(config)?;
        let tls = if target.tls {
            Some(TlsSource::new(config, &target)?)
        } else {
            None
        };
        let proxy = proxy::Proxy::for_target(&config.proxy_url, &target)?;
        let auth = Auth::new(config)?;
        let dialer = Dialer {
            target: target.clone(),
            tls: tls.as_ref().map(TlsSource::current),
            proxy: proxy.clone(),
            resolver: config.resolver.clone(),
            http1_only: config.http1_only,
        };
        let current = Mutex::new(Current {
            pool: Arc::new(Pool::new(dialer)),
            checked: Instant::now(),
        });
        Ok(Self {
            target,
            auth,
            tls,
            proxy,
            resolver: config.resolver.clone(),
            http1_only: config.http1_only,
            current,
        })
    }

    /// Sends one request whose URI is complete; credentials and impersonation are added.
    pub(crate) async fn send(&self, request: &mut Request<Bytes>) -> Result<Response<ResponseBody>, TransportError> {
        let used = self.auth.add(request.headers_mut()).await?;
        if let Some(exec) = &used.exec
            && let Some(tls) = &self.tls
        {
            tls.set_identity(exec.certificate.as_ref())?;
        }
        let response = self.pool(used.exec.is_some())?.send(request).await?;
        if response.status() == http::StatusCode::UNAUTHORIZED {
            self.auth.refused(&used).await;
        }
        Ok(response)
    }

    /// The headers that say who the client is, for requests over [`Transport::dial`].
    pub(crate) async fn identity_headers(&self) -> Result<HeaderMap, TransportError> {
        let mut headers = HeaderMap::new();
        self.auth.add(&mut headers).await?;
        Ok(headers)
    }

    /// A connection of its own, for HTTP/1.1 and what it is upgraded to.
    pub(crate) async fn dial(&self) -> Result<Connection, TransportError> {
        let used = self.auth.add(&mut HeaderMap::new()).await?;
        if let Some(exec) = &used.exec
            && let Some(tls) = &self.tls
        {
            tls.set_identity(exec.certificate.as_ref())?;
        }
        let pool = self.pool(used.exec.is_some())?;
        pool.dialer().dial(dial::Protocols::Http1).await
    }

    /// Closes every connection; those who wait for a response get an error.
    pub(crate) fn close_connections(&self) {
        let mut current = self.current.lock();
        self.replace(&mut current);
    }

    fn replace(&self, current: &mut Current) {
        let dialer = Dialer {
            target: self.target.clone(),
            tls: self.tls.as_ref().map(TlsSource::current),
            proxy: self.proxy.clone(),
            resolver: self.resolver.clone(),
            http1_only: self.http1_only,
        };
        let old = std::mem::replace(&mut current.pool, Arc::new(Pool::new(dialer)));
        old.close();
    }

    /// The pool for the present certificates.
    fn pool(&self, now: bool) -> Result<Arc<Pool>, TransportError> {
        let mut current = self.current.lock();
        if let Some(tls) = &self.tls
            && (now || current.checked.elapsed() >= RECHECK)
        {
            current.checked = Instant::now();
            if tls.reload()? {
                self.replace(&mut current);
            }
        }
        Ok(current.pool.clone())
    }
}

#[cfg(test)]
mod tests;
