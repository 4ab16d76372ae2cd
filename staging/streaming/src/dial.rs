//! The client's side of an upgrade: one fresh connection, one request, and what comes of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::connections::Connections;
use crate::io::{BoxIo, Connector};
use crate::remotecommand::Status;
use crate::spdy::{self, Session, UPGRADE_TOKEN};
use crate::upgrade::{
    PROTOCOL_VERSION, TUNNEL_PREFIX, WEBSOCKET_ACCEPT, WEBSOCKET_KEY, WEBSOCKET_PROTOCOL, WEBSOCKET_VERSION, contains,
    names_spdy,
};
use crate::websocket::{self, Socket, Tunnel};

/// How much of an error's body is read.
const MAX_ERROR: usize = 64 * 1024;

/// Where a client connects to, and as whom.
#[derive(Clone)]
pub struct Endpoint {
    /// Makes the connections.
    pub connector: Arc<dyn Connector>,
    /// The path and query of the request, and the host for its `Host` header.
    pub uri: Uri,
    /// Further headers, such as `Authorization` and `User-Agent`.
    pub headers: HeaderMap,
    /// Owns the connections' tasks.
    pub connections: Connections,
}

/// Why a connection could not be upgraded.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No connection could be made.
    #[error("error dialing backend: {0}")]
    Connect(#[source] io::Error),
    /// The exchange of request and response failed.
    #[error("error sending request: {0}")]
    Exchange(#[source] hyper::Error),
    /// The server answered SPDY's upgrade with something else; the text is the server's.
    #[error("unable to upgrade connection: {message}")]
    Refused {
        /// What the server said.
        message: String,
        /// The same, when the server said it with a `Status`.
        status: Option<Box<Status>>,
    },
    /// The server answered a WebSocket's upgrade with something else, or with another protocol.
    /// This, and only this, makes clients fall back to SPDY.
    #[error("unable to upgrade streaming request: {message}")]
    Handshake {
        /// What was wrong.
        message: String,
        /// The same, when the server said it with a `Status`.
        status: Option<Box<Status>>,
    },
}

impl DialError {
    /// Whether upstream's clients try SPDY after this error of a WebSocket.
    #[must_use]
    pub fn is_upgrade_failure(&self) -> bool {
        matches!(self, Self::Handshake { .. })
    }
}

/// Sends an upgrade request without a body on a new connection, which is used for nothing else.
pub(crate) async fn exchange(
    connector: &dyn Connector,
    request: Request<Empty<Bytes>>,
    connections: &Connections,
) -> Result<Response<Incoming>, DialError> {
    let io = connector.connect().await.map_err(DialError::Connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(io))
        .await
        .map_err(DialError::Exchange)?;
    connections.spawn_until_stop(async move {
        if let Err(error) = connection.with_upgrades().await {
            // Whoever waits for the response is told as well.
            tracing::debug!(%error, "the connection to the back end failed");
        }
    });
    sender.send_request(request).await.map_err(DialError::Exchange)
}

/// The byte stream of an exchange that ended with 101.
pub(crate) async fn upgraded(response: Response<Incoming>) -> Result<BoxIo, DialError> {
    let upgraded = hyper::upgrade::on(response).await.map_err(DialError::Exchange)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

impl Endpoint {
    fn request(&self, method: Method, token: &'static str) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method;
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().expect("a part of a URI is one");
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(token));
        if !headers.contains_key(HOST) {
            let host = self.uri.authority().map_or("localhost", |host| host.as_str());
            headers.insert(
                HOST,
                HeaderValue::from_str(host).expect("an authority is a header value"),
            );
        }
        request
    }

    /// Opens a SPDY session; gives the protocol that the server chose, empty for none.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial_spdy(
        &self,
        protocols: &[&str],
        ping_period: Option<Duration>,
    ) -> Result<(Session, String), DialError> {
        let mut request = self.request(Method::POST, UPGRADE_TOKEN);
        append_protocols(request.headers_mut(), &PROTOCOL_VERSION, protocols);
        let response = exchange(&*self.connector, request, &self.connections).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS || !names_spdy(response.headers()) {
            let (text, status) = read_error(response).await;
            let message = match (&status, text) {
                (Some(status), _) if !status.message.is_empty() => status.message.clone(),
                (_, Some(text)) if text.is_empty() => "empty server response".to_owned(),
                (_, Some(text)) => text,
                (_, None) => "unable to read error from server response".to_owned(),
            };
            return Err(DialError::Refused { message, status });
        }
        let protocol = header(&response, &PROTOCOL_VERSION);
        let config = spdy::Config {
            idle_timeout: None,
            ping_period,
        };
        let session = Session::client(upgraded(response).await?, config, &self.connections);
        Ok((session, protocol))
    }

    /// Opens a WebSocket with one of the given subprotocols, and says which.
    pub(crate) async fn dial_websocket(&self, protocols: &[&str]) -> Result<(Socket, String), DialError> {
        let key = generate_key();
        let mut request = self.request(Method::GET, "websocket");
        let headers = request.headers_mut();
        headers.insert(WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(
            WEBSOCKET_KEY,
            HeaderValue::from_str(&key).expect("base64 is a header value"),
        );
        append_protocols(headers, &WEBSOCKET_PROTOCOL, &[&protocols.join(", ")]);
        let response = exchange(&*self.connector, request, &self.connections).await?;
        let accepted = response.status() == StatusCode::SWITCHING_PROTOCOLS
            && response
                .headers()
                .get(UPGRADE)
                .is_some_and(|value| contains(value, "websocket"))
            && response
                .headers()
                .get(CONNECTION)
                .is_some_and(|value| contains(value, "upgrade"))
            && header(&response, &WEBSOCKET_ACCEPT) == derive_accept_key(key.as_bytes());
        if !accepted {
            let code = response.status();
            let (text, status) = read_error(response).await;
            let mut message = format!("websocket: bad handshake ({code})");
            match (&status, text) {
                (Some(status), _) => message.clone_from(&status.message),
                (None, None) => message.push_str(": unable to read error from server response"),
                (None, Some(text)) if !text.is_empty() => {
                    message.push_str(": ");
                    message.push_str(&text);
                }
                (None, Some(_)) => {}
            }
            return Err(DialError::Handshake { message, status });
        }
        let protocol = header(&response, &WEBSOCKET_PROTOCOL);
        if !protocols.contains(&protocol.as_str()) {
            let offered: Vec<String> = protocols.iter().map(|offer| format!("{offer:?}")).collect();
            return Err(DialError::Handshake {
                message: format!(
                    "invalid protocol, expected one of [{}], got {protocol:?}",
                    offered.join(" ")
                ),
                status: None,
            });
        }
        let socket = websocket::open(upgraded(response).await?, Role::Client).await;
        Ok((socket, protocol))
    }

    /// Opens a SPDY session that is tunnelled through a WebSocket; gives the SPDY protocol.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial_tunnel(
        &self,
        protocol: &str,
        ping_period: Option<Duration>,
    ) -> Result<(Session, String), DialError> {
        let (socket, chosen) = self.dial_websocket(&[&format!("{TUNNEL_PREFIX}{protocol}")]).await?;
        let config = spdy::Config {
            idle_timeout: None,
            ping_period,
        };
        let session = Session::client(Tunnel::new(socket), config, &self.connections);
        let chosen = chosen.strip_prefix(TUNNEL_PREFIX).unwrap_or(&chosen).to_owned();
        Ok((session, chosen))
    }
}

fn append_protocols(headers: &mut HeaderMap, name: &HeaderName, protocols: &[&str]) {
    for protocol in protocols {
        let value = HeaderValue::from_str(protocol).expect("protocol names are header values");
        headers.append(name, value);
    }
}

fn header(response: &Response<Incoming>, name: &HeaderName) -> String {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The text of an answer that is no upgrade, `None` when it cannot be read, and its `Status`.
async fn read_error(response: Response<Incoming>) -> (Option<String>, Option<Box<Status>>) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return (Some(String::new()), None);
    }
    match Limited::new(response.into_body(), MAX_ERROR).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let status = serde_json::from_slice::<Status>(&body)
                .ok()
                .filter(|status| !status.message.is_empty());
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            (Some(text), status.map(Box::new))
        }
        Err(_) => (None, None),
    }
}
