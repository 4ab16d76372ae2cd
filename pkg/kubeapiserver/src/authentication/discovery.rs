//! The two documents of the tokens' issuer as answers.

use apiserver_auth::serviceaccount::{Discovery, JWKS_PATH, OPENID_CONFIGURATION_PATH};
use bytes::Bytes;
use component_base::serving::Body;
use http::{HeaderValue, Response, header};

/// The issuer's metadata and keys.
#[derive(Clone, Debug)]
pub struct IssuerDocuments {
    configuration: Bytes,
    key_set: Bytes,
}

impl IssuerDocuments {
    /// Where they are.
    pub const PATHS: [&str; 2] = [OPENID_CONFIGURATION_PATH, JWKS_PATH];

    /// Keeps the documents ready.
    pub(super) fn new(discovery: Discovery) -> Self {
        Self {
            configuration: discovery.configuration.into(),
            key_set: discovery.key_set.into(),
        }
    }

    /// Answers a GET of one of the documents; `None` for other paths.
    #[must_use]
    pub fn respond(&self, path: &str) -> Option<Response<Body>> {
        let (body, media_type) = match path {
            OPENID_CONFIGURATION_PATH => (&self.configuration, "application/json"),
            JWKS_PATH => (&self.key_set, "application/jwk-set+json"),
            _ => return None,
        };
        let mut response = Response::new(Body::from(body.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        let age = format!("public, max-age={}", Discovery::MAX_AGE_SECONDS);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_str(&age).expect("a number is a header value"),
        );
        Some(response)
    }
}
