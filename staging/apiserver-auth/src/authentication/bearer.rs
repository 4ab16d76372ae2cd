//! Tokens in headers: `Authorization: Bearer`, and a WebSocket subprotocol for browsers.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};

use super::{AuthenticationError, Outcome, Request, RequestAuthenticator, TokenAuthenticator};

/// Prefix of the subprotocol that carries a token.
const PROTOCOL_PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

const SPACE_WARNING: &str =
    "the provided Authorization header contains extra space before the bearer token, and is ignored";

/// The token of the `Authorization` header.
pub struct BearerToken(Arc<dyn TokenAuthenticator>);

/// The token of a WebSocket subprotocol.
pub struct WebSocketToken(Arc<dyn TokenAuthenticator>);

impl BearerToken {
    /// Tokens are looked at by `tokens`.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenAuthenticator>) -> Self {
        Self(tokens)
    }
}

impl WebSocketToken {
    /// Tokens are looked at by `tokens`.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenAuthenticator>) -> Self {
        Self(tokens)
    }
}

/// The token of an `Authorization` header; `Err` with a warning for one that is lost behind a second space.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let mut parts = value.trim().splitn(3, ' ');
    let (Some(scheme), Some(token)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    if token.is_empty() {
        return if parts.next().is_some() {
            Err(SPACE_WARNING)
        } else {
            Ok(None)
        };
    }
    Ok(Some(token))
}

/// What to tell the client about its `Authorization` header.
pub(super) fn warning(headers: &HeaderMap) -> Option<&'static str> {
    bearer_token(headers).err()
}

async fn look_at(tokens: &dyn TokenAuthenticator, token: &str, request: &Request<'_>) -> Outcome {
    match tokens.authenticate_token(token, request.audiences, request.now).await? {
        Some(response) => Ok(Some(response)),
        None => Err(AuthenticationError::new("invalid bearer token")),
    }
}

#[async_trait]
impl RequestAuthenticator for BearerToken {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        match bearer_token(request.headers) {
            Ok(Some(token)) => look_at(&*self.0, token, request).await,
            Ok(None) | Err(_) => Ok(None),
        }
    }
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let has = |name: header::HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
        })
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The subprotocols without the one that carries a token; `None` if there is no such one.
pub(super) fn protocols_without_token(headers: &HeaderMap) -> Option<String> {
    if !protocols(headers).any(|protocol| protocol.starts_with(PROTOCOL_PREFIX)) {
        return None;
    }
    let rest: Vec<&str> = protocols(headers)
        .filter(|protocol| !protocol.starts_with(PROTOCOL_PREFIX))
        .collect();
    Some(rest.join(","))
}

fn websocket_token(headers: &HeaderMap) -> Result<Option<String>, Cow<'static, str>> {
    let mut token = None;
    let mut others = false;
    for protocol in protocols(headers) {
        let Some(encoded) = protocol.strip_prefix(PROTOCOL_PREFIX) else {
            others = true;
            continue;
        };
        if token.is_some() {
            return Err("multiple base64.bearer.authorization tokens specified".into());
        }
        let decoded = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| "invalid base64.bearer.authorization token encoding")?;
        token = Some(String::from_utf8(decoded).map_err(|_| "invalid base64.bearer.authorization token")?);
    }
    match token {
        Some(token) if token.is_empty() => Ok(None),
        // One must be left to answer with, because the one with the token is taken out.
        Some(_) if !others => Err("missing additional subprotocol".into()),
        token => Ok(token),
    }
}

#[async_trait]
impl RequestAuthenticator for WebSocketToken {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        if !is_websocket(request.headers) {
            return Ok(None);
        }
        match websocket_token(request.headers).map_err(AuthenticationError::new)? {
            Some(token) => look_at(&*self.0, &token, request).await,
            None => Ok(None),
        }
    }
}
