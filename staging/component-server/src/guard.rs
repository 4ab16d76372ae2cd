//! [`Guard`]: stands before everything that is served.

use std::sync::Arc;
use std::time::SystemTime;

use apiserver_auth::authentication::{Chain, Request as AuthenticationRequest};
use apiserver_auth::authorization::{Attributes, Authorizer, forbidden};
use apiserver_auth::user::UserInfo;
use component_base::serving::{Body, RequestContext};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use k8s_api::Kind as _;
use k8s_api::meta::v1::Status;

/// What a request wants, in terms of authorization. Of several the first that is allowed counts.
pub trait RequestAttributes: Send + Sync {
    /// The attributes of a request for a path.
    fn attributes<'a>(&'a self, user: &'a UserInfo, method: &'a Method, path: &'a str) -> Vec<Attributes<'a>>;
}

/// Every path is only that: `get /metrics`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathAttributes;

impl RequestAttributes for PathAttributes {
    fn attributes<'a>(&'a self, user: &'a UserInfo, method: &'a Method, path: &'a str) -> Vec<Attributes<'a>> {
        let verb = match method.as_str() {
            "GET" => "get",
            "HEAD" => "head",
            "POST" => "post",
            "PUT" => "put",
            "PATCH" => "patch",
            "DELETE" => "delete",
            "OPTIONS" => "options",
            other => other,
        };
        vec![Attributes::non_resource(user, verb, path)]
    }
}

/// Why a request may not pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Nobody knows who it is.
    Unauthenticated,
    /// The user may not do this.
    Forbidden {
        /// The user.
        user: Arc<UserInfo>,
        /// The refusal as the API server would say it.
        status: Box<Status>,
    },
}

impl Refusal {
    /// The answer, as a `Status` in JSON.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let (code, body) = match self {
            Self::Unauthenticated => {
                let status = Status {
                    status: "Failure".to_owned(),
                    message: "Unauthorized".to_owned(),
                    reason: "Unauthorized".to_owned(),
                    code: 401,
                    ..Status::default()
                };
                (StatusCode::UNAUTHORIZED, status.to_json())
            }
            Self::Forbidden { status, .. } => (StatusCode::FORBIDDEN, status.to_json()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = code;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// Lets a request pass, or not.
pub struct Guard {
    chain: Chain,
    authorizer: Arc<dyn Authorizer>,
    attributes: Box<dyn RequestAttributes>,
}

impl Guard {
    /// Users are found by `chain`; what they may do `authorizer` says.
    #[must_use]
    pub fn new(chain: Chain, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            chain,
            authorizer,
            attributes: Box::new(PathAttributes),
        }
    }

    /// With attributes that are more than paths.
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl RequestAttributes + 'static) -> Self {
        self.attributes = Box::new(attributes);
        self
    }

    /// Takes credentials out of a request that was let pass.
    pub fn clear_credentials(&self, headers: &mut HeaderMap) {
        self.chain.clear_credentials(headers);
    }

    /// The user of a request that may pass.
    ///
    /// # Errors
    /// It may not.
    pub async fn admit(&self, parts: &Parts) -> Result<Arc<UserInfo>, Refusal> {
        let context = RequestContext::of(&parts.extensions);
        let path = percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        let request = AuthenticationRequest {
            peer_certificates: context.map_or(&[], RequestContext::peer_certificates),
            headers: &parts.headers,
            path: &path,
            audiences: &[],
            now: SystemTime::now(),
        };
        let user = match self.chain.authenticate(&request).await {
            Ok(response) => response.user.clone(),
            Err(error) => {
                tracing::error!(%error, "Unable to authenticate the request");
                return Err(Refusal::Unauthenticated);
            }
        };
        let mut refused = None;
        for attributes in self.attributes.attributes(&user, &parts.method, &path) {
            let answer = self.authorizer.authorize(&attributes).await;
            if answer.is_allowed() {
                return Ok(user);
            }
            if let Some(error) = &answer.error {
                tracing::error!(%error, "authorizing a request");
            }
            refused.get_or_insert_with(|| forbidden(&attributes, &answer.reason).into_status());
        }
        Err(Refusal::Forbidden {
            status: Box::new(refused.unwrap_or_default()),
            user,
        })
    }
}
