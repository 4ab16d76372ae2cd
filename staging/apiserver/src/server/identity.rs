//! Who makes a request: authentication, then impersonation
//! (upstream: `endpoints/filters/authentication.go`, `endpoints/filters/impersonation`).
//!
//! **Invariant:** behind this module no header carries a credential or names a user.

use std::{sync::Arc, time::Instant};

use apimachinery::status::StatusError;
use apiserver_auth::{
    authentication::{Chain, ImpersonatedUser, Impersonation, Request, Response, wanted_user},
    authorization::Authorizer,
};
use component_base::serving::RequestContext as ServingContext;
use http::{HeaderMap, request::Parts};

use super::metrics::{AccessMetrics, Authenticated};
use crate::request::{RequestInfo, UserInfo};

/// How the server finds out who asks.
pub struct Authentication {
    /// The authenticators, in order.
    pub chain: Arc<Chain>,
    /// For whom a token must be meant (`--api-audiences`); empty accepts any.
    pub audiences: Vec<String>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authentication")
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

impl Authentication {
    /// The user of a request, whose credentials are taken out of its headers.
    ///
    /// # Errors
    /// The client is told `Unauthorized`; why is logged.
    pub(super) async fn authenticate(
        &self,
        parts: &mut Parts,
        info: &RequestInfo,
        serving: Option<&ServingContext>,
        received: jiff::Timestamp,
        (metrics, begun): (&AccessMetrics, Instant),
    ) -> Result<Arc<Response>, StatusError> {
        let request = Request {
            peer_certificates: serving.map(ServingContext::peer_certificates).unwrap_or_default(),
            headers: &parts.headers,
            path: &info.path,
            audiences: &self.audiences,
            now: received.into(),
        };
        let answer = self.chain.authenticate(&request).await;
        let outcome = match &answer {
            Ok(response) => Authenticated::Success(&response.user.name),
            Err(error) if error.is_missing() => Authenticated::Failure,
            Err(_) => Authenticated::Error,
        };
        metrics.authenticated(outcome, begun);
        match answer {
            Ok(response) => {
                self.chain.clear_credentials(&mut parts.headers);
                Ok(response)
            }
            Err(error) => {
                tracing::info!(err = %error, "Unable to authenticate the request");
                Err(StatusError::unauthorized("Unauthorized"))
            }
        }
    }
}

/// Whether the peer is nobody in particular and holds an HTTP/2 connection: such a connection is not kept open, because
/// its streams cost the server more than they cost the client.
pub(super) fn close_anonymous_http2(user: Option<&UserInfo>, serving: Option<&ServingContext>) {
    let Some(serving) = serving else { return };
    let http2 = serving.connection().tls.as_ref().is_some_and(|tls| tls.http2);
    if http2 && user.is_none_or(UserInfo::is_anonymous) {
        serving.connection().close_gracefully();
    }
}

/// The user whom the request's headers ask to act as; `None` if they ask for nobody.
///
/// # Errors
/// The headers are incomplete, or the user may not.
pub(super) async fn impersonate(
    authorizer: &Arc<dyn Authorizer>,
    constrained: bool,
    headers: &mut HeaderMap,
    info: &RequestInfo,
    user: &UserInfo,
) -> Result<Option<ImpersonatedUser>, StatusError> {
    let Some(wanted) = wanted_user(headers)? else {
        return Ok(None);
    };
    let impersonation = Impersonation::new(authorizer.clone(), constrained);
    impersonation.check(&wanted, &info.attributes(user)).await.map(Some)
}
