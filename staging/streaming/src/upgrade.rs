//! The HTTP/1.1 side of streaming: what an upgrade request asks for, and the answers to it.
//!
//! Statuses and texts are upstream's (`httpstream.Handshake`, `spdy.UpgradeResponse`, Go's
//! `x/net/websocket` server), since clients print them and decide by them whether to fall back.

use std::error::Error;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, UPGRADE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::spdy::UPGRADE_TOKEN;

/// A response body.
pub type Body = BoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Names the streaming protocols that a SPDY client offers, and the one that the server chose.
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// Names what a server would have accepted.
pub const ACCEPTED_PROTOCOL_VERSIONS: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");

pub(crate) const WEBSOCKET_PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
pub(crate) const WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
pub(crate) const WEBSOCKET_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
pub(crate) const WEBSOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// What prefixes a SPDY subprotocol that is tunnelled through a WebSocket.
pub(crate) const TUNNEL_PREFIX: &str = "SPDY/3.1+";

/// An empty body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// Whether the request wants its connection upgraded.
#[must_use]
pub fn is_upgrade_request(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .any(|value| contains(value, "upgrade"))
}

/// Whether the request wants a WebSocket.
#[must_use]
pub fn is_websocket_request(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && is_upgrade_request(headers)
}

/// Whether the request wants a WebSocket with a protocol that can half-close (`v5.channel.k8s.io`).
#[must_use]
pub fn is_stream_close_request(headers: &HeaderMap) -> bool {
    is_websocket_request(headers)
        && websocket_protocols(headers)
            .iter()
            .any(|p| p == crate::remotecommand::V5)
}

/// Whether the request wants a WebSocket that tunnels SPDY.
#[must_use]
pub fn is_tunneling_request(headers: &HeaderMap) -> bool {
    is_websocket_request(headers) && !tunneled_protocols(headers).is_empty()
}

/// The subprotocols that a WebSocket client offers.
pub(crate) fn websocket_protocols(headers: &HeaderMap) -> Vec<String> {
    comma_separated(headers, &WEBSOCKET_PROTOCOL)
}

/// The SPDY subprotocols that a WebSocket client offers to tunnel, without the prefix.
pub(crate) fn tunneled_protocols(headers: &HeaderMap) -> Vec<String> {
    websocket_protocols(headers)
        .iter()
        .filter_map(|protocol| protocol.strip_prefix(TUNNEL_PREFIX))
        .filter(|protocol| protocol.ends_with(".k8s.io"))
        .map(str::to_owned)
        .collect()
}

fn comma_separated(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

pub(crate) fn contains(value: &HeaderValue, token: &str) -> bool {
    value
        .to_str()
        .is_ok_and(|value| value.to_ascii_lowercase().contains(&token.to_ascii_lowercase()))
}

/// An answer as Go's `http.Error` gives it.
#[must_use]
pub fn text_error(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(full(format!("{message}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Chooses the client's most preferred protocol that the server has, for a SPDY upgrade, and checks
/// that SPDY is what it asks for. The error is the answer to send.
pub(crate) fn negotiate_spdy<B>(
    request: &Request<B>,
    supported: &[&'static str],
) -> Result<&'static str, Box<Response<Body>>> {
    let headers = request.headers();
    if !headers.contains_key(PROTOCOL_VERSION) {
        let message = format!(
            "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with {} headers",
            // Go keeps Host apart.
            headers.keys().filter(|name| *name != http::header::HOST).count()
        );
        return Err(Box::new(text_error(StatusCode::BAD_REQUEST, &message)));
    }
    let offered = comma_separated(headers, &PROTOCOL_VERSION);
    if offered.is_empty() {
        let values: Vec<_> = headers
            .get_all(PROTOCOL_VERSION)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let message = format!(
            "unable to upgrade: header X-Stream-Protocol-Version contains [{}], but no valid protocols",
            values.join(" ")
        );
        return Err(Box::new(text_error(StatusCode::BAD_REQUEST, &message)));
    }
    let Some(chosen) = offered
        .iter()
        .find_map(|offer| supported.iter().find(|have| *have == offer))
    else {
        let message = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
            offered.join(" "),
            supported.join(" ")
        );
        let mut response = text_error(StatusCode::FORBIDDEN, &message);
        for protocol in supported {
            response
                .headers_mut()
                .append(ACCEPTED_PROTOCOL_VERSIONS, HeaderValue::from_static(protocol));
        }
        return Err(Box::new(response));
    };
    if names_spdy(headers) {
        Ok(chosen)
    } else {
        let message = format!(
            "unable to upgrade: missing upgrade headers in request: {}",
            go_headers(headers)
        );
        Err(Box::new(text_error(StatusCode::BAD_REQUEST, &message)))
    }
}

/// Whether `Connection` and `Upgrade` name a SPDY upgrade, in a request or in its answer.
pub(crate) fn names_spdy(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| contains(value, "upgrade"))
        && headers.get(UPGRADE).is_some_and(|value| contains(value, UPGRADE_TOKEN))
}

/// Headers in the form of Go's `%#v`, as the message above has them.
fn go_headers(headers: &HeaderMap) -> String {
    let mut names: Vec<String> = headers
        .keys()
        .filter(|name| *name != http::header::HOST)
        .map(|name| canonical(name.as_str()))
        .collect();
    names.sort_unstable();
    let entries: Vec<String> = names
        .iter()
        .map(|name| {
            let values: Vec<String> = headers
                .get_all(name.as_str())
                .iter()
                .map(|value| format!("{:?}", String::from_utf8_lossy(value.as_bytes())))
                .collect();
            format!("{name:?}:[]string{{{}}}", values.join(", "))
        })
        .collect();
    format!("http.Header{{{}}}", entries.join(", "))
}

/// A header name as Go writes it: `X-Stream-Protocol-Version`.
fn canonical(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|c| {
            let upper = std::mem::replace(&mut start, c == '-');
            if upper { c.to_ascii_uppercase() } else { c }
        })
        .collect()
}

/// The answer that begins SPDY.
pub(crate) fn switching_to_spdy(protocol: &'static str) -> Response<Body> {
    let mut response = switching(HeaderValue::from_static(UPGRADE_TOKEN));
    response
        .headers_mut()
        .insert(PROTOCOL_VERSION, HeaderValue::from_static(protocol));
    response
}

/// The answer that begins a WebSocket. An empty protocol is none.
pub(crate) fn switching_to_websocket(accept: HeaderValue, protocol: &HeaderValue) -> Response<Body> {
    let mut response = switching(HeaderValue::from_static("websocket"));
    response.headers_mut().insert(WEBSOCKET_ACCEPT, accept);
    if !protocol.is_empty() {
        response.headers_mut().insert(WEBSOCKET_PROTOCOL, protocol.clone());
    }
    response
}

fn switching(token: HeaderValue) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, token);
    response
}

/// Checks a WebSocket request; gives the value for `Sec-WebSocket-Accept`. The error is the answer to send.
pub(crate) fn check_websocket<B>(request: &Request<B>) -> Result<HeaderValue, Box<Response<Body>>> {
    let refuse = |status, message: &'static str| {
        let mut response = Response::new(full(message));
        *response.status_mut() = status;
        Box::new(response)
    };
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "bad method"));
    }
    if !is_websocket_request(headers) {
        return Err(refuse(StatusCode::BAD_REQUEST, "not websocket protocol"));
    }
    let key = headers
        .get(WEBSOCKET_KEY)
        .filter(|key| {
            base64::engine::general_purpose::STANDARD
                .decode(key.as_bytes())
                .is_ok_and(|nonce| nonce.len() == 16)
        })
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "mismatch challenge/response"))?;
    if headers.get(WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refuse(StatusCode::BAD_REQUEST, "missing or bad WebSocket Version");
        response
            .headers_mut()
            .insert(WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    Ok(HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is a header value"))
}

/// Chooses a WebSocket subprotocol: the client's first that the server has; `""` stands for none
/// offered. The error is the answer to send, which upstream leaves without a body.
pub(crate) fn negotiate_websocket<B>(
    request: &Request<B>,
    supported: &[&'static str],
) -> Result<&'static str, Box<Response<Body>>> {
    let mut offered = websocket_protocols(request.headers());
    if offered.is_empty() {
        offered.push(String::new());
    }
    offered
        .iter()
        .find_map(|offer| supported.iter().find(|have| *have == offer))
        .copied()
        .ok_or_else(|| {
            let mut response = Response::new(empty());
            *response.status_mut() = StatusCode::FORBIDDEN;
            Box::new(response)
        })
}
