//! The authenticators of a server, in their order.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::{
    Anonymous, AuthenticationError, Outcome, Request, RequestAuthenticator, RequestHeaderConfig, Response, bearer,
};
use crate::user::{UserInfo, names};

/// What is taken out of a request's headers once it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The configured front proxy's headers, besides the standard ones.
    pub request_header: Option<RequestHeaderConfig>,
}

impl Credentials {
    /// Takes out what carries a credential or names a user: nobody behind the authentication needs it.
    pub fn clear(&self, headers: &mut HeaderMap) {
        headers.remove(header::AUTHORIZATION);
        if let Some(rest) = bearer::protocols_without_token(headers) {
            let value = HeaderValue::from_str(&rest).expect("parts of a header value are one");
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        RequestHeaderConfig::standard().clear(headers);
        if let Some(config) = &self.request_header {
            config.clear(headers);
        }
    }
}

/// Asks authenticators in turn; the first user counts. A credential that does not hold is an error even if the
/// request might pass without: only a request without any becomes anonymous.
#[derive(Clone, Default)]
pub struct Chain {
    authenticators: Vec<Arc<dyn RequestAuthenticator>>,
    anonymous: Option<Anonymous>,
    credentials: Credentials,
}

impl Chain {
    /// Upstream's order: front proxy, client certificate, bearer token, WebSocket token; then the anonymous user,
    /// if there may be one.
    #[must_use]
    pub fn new(
        authenticators: Vec<Arc<dyn RequestAuthenticator>>,
        anonymous: Option<Anonymous>,
        credentials: Credentials,
    ) -> Self {
        Self {
            authenticators,
            anonymous,
            credentials,
        }
    }

    /// The user of a request.
    ///
    /// # Errors
    /// A credential does not hold, is meant for others, or is missing where the anonymous user may not come.
    pub async fn authenticate(&self, request: &Request<'_>) -> Result<Arc<Response>, AuthenticationError> {
        let mut response = match self.known(request).await? {
            Some(response) => response,
            None => match &self.anonymous {
                Some(anonymous) => anonymous.authenticate(request).await?,
                None => None,
            }
            .ok_or_else(AuthenticationError::missing)?,
        };
        let mine = |audience: &String| request.audiences.contains(audience);
        if !request.audiences.is_empty() && !response.audiences.is_empty() && !response.audiences.iter().any(mine) {
            return Err(AuthenticationError::new(format!(
                "unable to match the audience: [{}] , accepted: [{}]",
                response.audiences.join(" "),
                request.audiences.join(" ")
            )));
        }
        if let Some(warning) = bearer::warning(request.headers) {
            Arc::make_mut(&mut response).warnings.push(warning.to_owned());
        }
        Ok(response)
    }

    /// The user of a token, for token reviews; the anonymous user stands for none.
    ///
    /// # Errors
    /// The token does not hold.
    pub async fn review(&self, token: &str, request: &Request<'_>) -> Outcome {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| AuthenticationError::new("invalid bearer token"))?;
        headers.insert(header::AUTHORIZATION, value);
        let alone = Request {
            peer_certificates: &[],
            headers: &headers,
            ..*request
        };
        self.known(&alone).await
    }

    async fn known(&self, request: &Request<'_>) -> Outcome {
        let mut errors = Vec::new();
        for authenticator in &self.authenticators {
            match authenticator.authenticate(request).await {
                Ok(Some(response)) => return Ok(Some(with_authenticated_group(response))),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        AuthenticationError::aggregate(errors).map_or(Ok(None), Err)
    }

    /// Takes the credentials out of a request's headers.
    pub fn clear_credentials(&self, headers: &mut HeaderMap) {
        self.credentials.clear(headers);
    }
}

fn with_authenticated_group(mut response: Arc<Response>) -> Arc<Response> {
    let user = &response.user;
    let settled = user.name == names::ANONYMOUS
        || user.in_group(names::ALL_AUTHENTICATED)
        || user.in_group(names::ALL_UNAUTHENTICATED);
    if !settled {
        let user = UserInfo::clone(user).with_groups([names::ALL_AUTHENTICATED]);
        Arc::make_mut(&mut response).user = Arc::new(user);
    }
    response
}
