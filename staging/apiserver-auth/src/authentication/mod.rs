//! Who makes a request (upstream: `k8s.io/apiserver/pkg/authentication`, `pkg/kubeapiserver/authenticator`).
//!
//! An authenticator answers with a user, with nothing (the request carries no credential of its kind), or
//! with an error (it carries one that does not hold). [`Chain`] puts them together.
//!
//! **Invariant:** a request with a credential that does not hold never becomes anonymous.

mod anonymous;
mod bearer;
mod bootstrap;
mod chain;
pub mod config;
mod impersonation;
mod jwt_issuer;
mod request_header;
mod token_cache;
mod token_file;
mod token_metrics;
mod tokens;
mod webhook;
mod x509;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use http::HeaderMap;
use rustls_pki_types::CertificateDer;

pub use anonymous::Anonymous;
pub use bearer::{BearerToken, WebSocketToken};
pub use bootstrap::{BootstrapSecrets, BootstrapTokens};
pub use chain::{Chain, Credentials};
pub use impersonation::{ImpersonatedUser, Impersonation, ImpersonationError, wanted_user};
pub use jwt_issuer::{IssuerKeys, JwtIssuer, JwtIssuers};
pub use request_header::{RequestHeader, RequestHeaderConfig};
pub use token_cache::{CacheSettings, TokenCache};
pub use token_file::{TokenFile, TokenFileError};
pub use token_metrics::TokenCacheMetrics;
pub use tokens::{AudienceAgnostic, TokenUnion};
pub use webhook::{TokenReviewer, WebhookTokens};
pub use x509::{CertificateMetrics, ClientCertificates};

use crate::user::UserInfo;

/// What is known of a request before anybody is known to make it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The client's certificates, leaf first, as the handshake left them: possession of the key is proven, the
    /// chain is not verified.
    pub peer_certificates: &'a [CertificateDer<'static>],
    /// The headers as received.
    pub headers: &'a HeaderMap,
    /// The decoded path.
    pub path: &'a str,
    /// For whom a token must be meant; the API's own audiences unless a token review asks for others.
    pub audiences: &'a [String],
    /// The request's one clock reading.
    pub now: SystemTime,
}

/// A user that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The user.
    pub user: Arc<UserInfo>,
    /// Those of the request's audiences for whom the credential is meant; empty if it knows of none.
    pub audiences: Vec<String>,
    /// Annotations for the request's audit event.
    pub annotations: Vec<(String, String)>,
    /// Warnings for the client.
    pub warnings: Vec<String>,
}

impl Response {
    /// A user, and nothing to say about audiences.
    #[must_use]
    pub fn of(user: UserInfo) -> Arc<Self> {
        Arc::new(Self {
            user: Arc::new(user),
            ..Self::default()
        })
    }
}

/// Why a credential does not hold. For logs and audit; clients see only `Unauthorized`. Holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthenticationError {
    message: String,
    /// Whether there was no credential at all.
    missing: bool,
    /// Annotations for the request's audit event.
    pub annotations: Vec<(String, String)>,
}

impl AuthenticationError {
    /// With this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            missing: false,
            annotations: Vec::new(),
        }
    }

    /// There is no credential, and nobody may come without.
    pub(crate) fn missing() -> Self {
        Self {
            missing: true,
            ..Self::new("no credentials")
        }
    }

    /// Whether there was no credential at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    /// Adds an annotation for the audit event.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: impl Into<String>) -> Self {
        self.annotations.push((key.to_owned(), value.into()));
        self
    }

    /// Several errors as one; `None` if there are none.
    pub(crate) fn aggregate(errors: Vec<Self>) -> Option<Self> {
        let messages: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
        (!errors.is_empty()).then(|| Self {
            message: crate::aggregate::join(&messages),
            missing: false,
            annotations: errors.into_iter().flat_map(|error| error.annotations).collect(),
        })
    }
}

/// A user; or nothing, if there is no credential of the authenticator's kind.
pub type Outcome = Result<Option<Arc<Response>>, AuthenticationError>;

/// Finds the user of a request.
#[async_trait]
pub trait RequestAuthenticator: Send + Sync {
    /// Looks at the credentials of its kind.
    ///
    /// # Errors
    /// There is one, and it does not hold.
    async fn authenticate(&self, request: &Request<'_>) -> Outcome;
}

/// Finds the user of a token.
#[async_trait]
pub trait TokenAuthenticator: Send + Sync {
    /// Looks at a token that is meant for one of `audiences`.
    ///
    /// # Errors
    /// The token is of this authenticator's kind and does not hold.
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome;
}

/// Whether two secrets are equal, in a time that depends only on their lengths.
pub(crate) fn secret_eq(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Decodes `%xx` in the key of an extra header; a malformed one stays as it is.
pub(crate) fn extra_key(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let malformed = bytes.iter().enumerate().any(|(index, &byte)| {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        byte == b'%' && !(digit(index + 1) && digit(index + 2))
    });
    if malformed {
        return encoded.to_owned();
    }
    percent_encoding::percent_decode_str(encoded)
        .decode_utf8_lossy()
        .into_owned()
}
