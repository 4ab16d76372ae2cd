//! [`Serving`]: the guard and what is behind it, on a port.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use component_base::options::{SecureServingError, SecureServingOptions};
use component_base::serving::{Body, Handler, Listener, Server, ServingTls};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::Guard;
use crate::options::{Authentication, DelegatingAuthorizationOptions, DelegationError};

/// A port that is bound, with its certificates.
pub struct Serving {
    listener: Listener,
    server: Server,
    tls: Arc<ServingTls>,
    authentication: Authentication,
}

#[derive(Clone)]
struct Guarded {
    guard: Arc<Guard>,
    inner: Arc<dyn Handler>,
}

impl Handler for Guarded {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let this = self.clone();
        async move {
            let (mut parts, body) = request.into_parts();
            let mut response = match this.guard.admit(&parts).await {
                Ok(user) => {
                    this.guard.clear_credentials(&mut parts.headers);
                    parts.extensions.insert(user);
                    this.inner.handle(Request::from_parts(parts, body)).await
                }
                Err(refusal) => refusal.response(),
            };
            response
                .headers_mut()
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-cache, private"));
            response
        }
        .boxed()
    }
}

impl Serving {
    /// Binds the port; `None` if there is none.
    ///
    /// # Errors
    /// The port or the certificates cannot be used.
    pub fn bind(
        options: &SecureServingOptions,
        authentication: Authentication,
        authorization: &DelegatingAuthorizationOptions,
        inner: impl Handler,
    ) -> Result<Option<Self>, ServingError> {
        let Some(listener) = options.listen()? else {
            return Ok(None);
        };
        let Authentication { client_cas, .. } = &authentication;
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let tls = options.tls("localhost", &loopback, &[], client_cas.clone())?;
        let guard = Guard::new(authentication.chain.clone(), authorization.complete()?);
        let server = Server::new(Guarded {
            guard: Arc::new(guard),
            inner: Arc::new(inner),
        })
        .with_tls(tls.clone())
        .with_settings(options.server_settings()?);
        Ok(Some(Self {
            listener,
            server,
            tls,
            authentication,
        }))
    }

    /// Serves until cancelled, as tasks of `tasks`.
    pub fn spawn(self, tasks: &TaskTracker, cancelled: &CancellationToken) {
        self.authentication.follow(tasks, cancelled);
        tasks.spawn(self.tls.run(cancelled.clone()));
        tasks.spawn(self.server.serve(self.listener, cancelled.clone()));
    }
}

/// Why a component does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// Address, port or certificates.
    #[error(transparent)]
    Secure(#[from] SecureServingError),
    /// Nobody can be asked about callers.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
}
