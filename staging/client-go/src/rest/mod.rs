//! The client: requests with rate limit, retries, timeouts, metrics (upstream: `client-go/rest`).
//!
//! Bodies are bytes here; [`crate::api`] turns objects into them and back. **Invariants:** a request that is not
//! idempotent is sent again only if the server said that it was not carried out (`Retry-After`); every error of the
//! server reaches the caller as a `Status`.

mod body;
mod error;
pub mod metrics;
pub mod rate_limit;
mod request;
mod retry;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};

pub use body::ByteStream;
pub use error::Error;
pub use request::{RawResponse, Request};

use crate::config::{Config, WarningHandler, default_user_agent};
use crate::transport::{Connection, Transport, TransportError};
use metrics::HostMetrics;
use rate_limit::TokenBucket;

const DEFAULT_QPS: f32 = 5.0;
const DEFAULT_BURST: u32 = 10;

/// A client of one API server; clones share connections and rate limit.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<Transport>,
    limiter: Option<Arc<TokenBucket>>,
    user_agent: HeaderValue,
    timeout: Option<Duration>,
    compression: bool,
    metrics: Option<HostMetrics>,
    warnings: Option<Arc<dyn WarningHandler>>,
    base: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base", &self.inner.base)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client; it connects when it is first used.
    ///
    /// # Errors
    /// The configuration makes no sense, or its files cannot be read.
    pub fn new(config: &Config) -> Result<Self, TransportError> {
        let transport = Arc::new(Transport::new(config)?);
        Self::over(transport, config)
    }

    /// A client as the same user over the same connections, with the name, limits and timeout of `config`.
    ///
    /// # Errors
    /// `User-Agent` is no header value.
    pub fn share(&self, config: &Config) -> Result<Self, TransportError> {
        Self::over(self.inner.transport.clone(), config)
    }

    fn over(transport: Arc<Transport>, config: &Config) -> Result<Self, TransportError> {
        let agent = if config.user_agent.is_empty() {
            default_user_agent()
        } else {
            config.user_agent.clone()
        };
        let user_agent = HeaderValue::from_str(&agent).map_err(|_| {
            TransportError::Config(format!("invalid user agent {}", k8s_api::primitives::quote(&agent)))
        })?;
        let qps = if config.qps == 0.0 { DEFAULT_QPS } else { config.qps };
        let burst = if config.burst == 0 { DEFAULT_BURST } else { config.burst };
        let limiter = (qps > 0.0).then(|| Arc::new(TokenBucket::new(f64::from(qps), burst)));
        let inner = Inner {
            limiter,
            user_agent,
            timeout: config.timeout,
            compression: config.compression,
            metrics: config
                .metrics
                .clone()
                .map(|metrics| HostMetrics::new(metrics, transport.target.authority.as_str())),
            warnings: config.warnings.clone(),
            base: transport.target.base(),
            transport,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A request for a path such as `/api/v1/nodes`.
    #[must_use]
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request {
        Request::new(self.clone(), method, path.into())
    }

    /// `https://host:port/prefix`, what every path is appended to.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.inner.base
    }

    /// A connection to the server for HTTP/1.1 alone, which can be upgraded to SPDY or WebSockets.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn dial(&self) -> Result<Connection, TransportError> {
        self.inner.transport.dial().await
    }

    /// The headers that go with requests over [`Client::dial`]: `Authorization`, `Impersonate-…`, `User-Agent`.
    ///
    /// # Errors
    /// There are no credentials.
    pub async fn identity_headers(&self) -> Result<HeaderMap, TransportError> {
        let mut headers = self.inner.transport.identity_headers().await?;
        headers.insert(http::header::USER_AGENT, self.inner.user_agent.clone());
        Ok(headers)
    }

    /// Closes every connection, for example because the server's address leads elsewhere now.
    pub fn close_connections(&self) {
        self.inner.transport.close_connections();
    }
}

#[cfg(test)]
mod tests;
