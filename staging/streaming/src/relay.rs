//! What the API server and the kubelet do for upgrades: connect the client to a back end.
//!
//! Corresponds to `UpgradeAwareHandler`, `StreamTranslatorHandler` and `TunnelingHandler`. Invariants:
//! - a connection to the back end carries one request and is then either the client's raw connection,
//!   after 101 only, or closed; it is never used for another request, and bytes of the client reach it
//!   only after the back end has agreed to the upgrade;
//! - requests with a body and upgrades to `h2c` are refused, for either could hide further requests;
//! - credentials of the client do not reach the back end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::connections::Connections;
use crate::dial::{DialError, Endpoint, exchange, upgraded};
use crate::io::{BoxIo, Connector, relay};
use crate::remotecommand::{
    CLIENT_PROTOCOLS, Options, RemoteCommandError, ServerStreams, Status, StreamOptions, V5, stream_over_spdy,
    write_status,
};
use crate::spdy::UPGRADE_TOKEN;
use crate::upgrade::{
    self, Body, PROTOCOL_VERSION, TUNNEL_PREFIX, WEBSOCKET_KEY, WEBSOCKET_PROTOCOL, WEBSOCKET_VERSION, contains,
};
use crate::websocket::{self, Tunnel};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Idle timeout of a translated connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4 * 60 * 60);

/// How often the back end of a translated connection is pinged.
const PING_PERIOD: Duration = Duration::from_secs(5);

/// Why a request was not relayed. The caller words the answer as its clients expect it.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Answer 400.
    #[error("Upgrade request required")]
    UpgradeRequired,
    /// Answer 400.
    #[error("upgrade request must not have a body")]
    RequestBody,
    /// Answer 400.
    #[error("upgrade to {0:?} is not relayed")]
    UpgradeToken(String),
    /// Answer 500.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Answer 500.
    #[error("invalid upgrade response: status code {}", .0.as_u16())]
    Response(StatusCode),
}

impl RelayError {
    /// The status to answer with.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        match self {
            Self::UpgradeRequired | Self::RequestBody | Self::UpgradeToken(_) => StatusCode::BAD_REQUEST,
            Self::Dial(_) | Self::Response(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A back end to which upgrades are relayed.
#[derive(Clone)]
pub struct Relay {
    /// Makes connections to the back end.
    pub connector: Arc<dyn Connector>,
    /// The path and query that the back end gets, and the host for [`Relay::use_location_host`].
    pub location: Uri,
    /// Whether `Host` names the back end instead of what the client named.
    pub use_location_host: bool,
    /// Headers for the back end, such as credentials of this server. They replace the client's.
    pub headers: HeaderMap,
    /// The client's address, appended to `X-Forwarded-For`.
    pub client_address: Option<IpAddr>,
    /// The most bytes that pass in a second and direction; `None` is no limit.
    pub max_bytes_per_second: Option<u64>,
    /// Owns the connections' tasks.
    pub connections: Connections,
}

impl Relay {
    /// exec and attach, as the API server does them when the back end knows no version 5 WebSockets:
    /// translates those to SPDY and relays everything else as it is.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn exec<B>(&self, request: Request<B>, options: Options) -> Result<Response<Body>, RelayError> {
        if upgrade::is_stream_close_request(request.headers()) {
            Ok(self.translate(request, options))
        } else {
            self.upgrade(request).await
        }
    }

    /// port-forward, as the API server does it when the back end knows no tunnels: ends WebSocket
    /// tunnels here and relays everything else as it is.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn port_forward<B>(&self, request: Request<B>) -> Result<Response<Body>, RelayError> {
        if upgrade::is_tunneling_request(request.headers()) {
            self.tunnel(request).await
        } else {
            self.upgrade(request).await
        }
    }

    /// Passes the upgrade on and joins the two connections byte by byte. What the back end answers
    /// instead of 101 with a status from 400 on goes to the client.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn upgrade<B>(&self, mut request: Request<B>) -> Result<Response<Body>, RelayError> {
        check(&request)?;
        let outgoing = self.request(&request);
        let client = hyper::upgrade::on(&mut request);
        let response = exchange(&*self.connector, outgoing, &self.connections).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return pass(response);
        }
        let mut answer = Response::new(upgrade::empty());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        let backend = upgraded(response).await?;
        self.join(client, backend, |io| async { io });
        Ok(answer)
    }

    /// Ends a WebSocket that tunnels SPDY here and relays the SPDY in it.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn tunnel<B>(&self, mut request: Request<B>) -> Result<Response<Body>, RelayError> {
        let protocols = upgrade::tunneled_protocols(request.headers());
        if protocols.is_empty() {
            return Ok(upgrade::text_error(
                StatusCode::BAD_REQUEST,
                "unable to upgrade: no tunneling spdy protocols provided",
            ));
        }
        check(&request)?;
        let accept = match upgrade::check_websocket(&request) {
            Ok(accept) => accept,
            Err(refusal) => return Ok(*refusal),
        };
        let mut outgoing = self.request(&request);
        *outgoing.method_mut() = Method::POST;
        let headers = outgoing.headers_mut();
        for name in [WEBSOCKET_PROTOCOL, WEBSOCKET_KEY, WEBSOCKET_VERSION, PROTOCOL_VERSION] {
            headers.remove(name);
        }
        headers.remove("sec-websocket-extensions");
        headers.insert(UPGRADE, HeaderValue::from_static(UPGRADE_TOKEN));
        for protocol in &protocols {
            // It was read from a header.
            if let Ok(value) = HeaderValue::from_str(protocol) {
                headers.append(PROTOCOL_VERSION, value);
            }
        }
        let client = hyper::upgrade::on(&mut request);
        let response = exchange(&*self.connector, outgoing, &self.connections).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return pass(response);
        }
        if !upgrade::names_spdy(response.headers()) {
            return Ok(upgrade::text_error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "unable to upgrade: missing upgrade headers in response",
            ));
        }
        let protocol = response
            .headers()
            .get(PROTOCOL_VERSION)
            .and_then(|chosen| chosen.to_str().ok())
            .map(str::trim)
            .filter(|chosen| protocols.iter().any(|offer| offer == chosen))
            .and_then(|chosen| HeaderValue::from_str(&format!("{TUNNEL_PREFIX}{chosen}")).ok())
            .unwrap_or(HeaderValue::from_static(""));
        let backend = upgraded(response).await?;
        self.join(client, backend, |io| async {
            let tunnel = Tunnel::new(websocket::open(io, Role::Server).await);
            Box::new(tunnel) as BoxIo
        });
        Ok(upgrade::switching_to_websocket(accept, &protocol))
    }

    /// Ends a version 5 WebSocket here and runs the command over SPDY on the back end.
    pub fn translate<B>(&self, mut request: Request<B>, options: Options) -> Response<Body> {
        let accept = match upgrade::check_websocket(&request) {
            Ok(accept) => accept,
            Err(refusal) => return *refusal,
        };
        if let Err(refusal) = upgrade::negotiate_websocket(&request, &[V5]) {
            return *refusal;
        }
        let client = hyper::upgrade::on(&mut request);
        let endpoint = Endpoint {
            connector: Arc::clone(&self.connector),
            uri: self.location.clone(),
            headers: self.headers.clone(),
            connections: self.connections.clone(),
        };
        self.connections.spawn_until_stop(async move {
            match client.await {
                Ok(io) => run_translated(Box::new(TokioIo::new(io)), &endpoint, options).await,
                Err(error) => tracing::debug!(%error, "the connection ended before it was upgraded"),
            }
        });
        upgrade::switching_to_websocket(accept, &HeaderValue::from_static(V5))
    }

    fn join<F, Fut>(&self, client: OnUpgrade, backend: BoxIo, wrap: F)
    where
        F: FnOnce(BoxIo) -> Fut + Send + 'static,
        Fut: Future<Output = BoxIo> + Send,
    {
        let rate = self.max_bytes_per_second;
        self.connections.spawn_until_stop(async move {
            match client.await {
                Ok(io) => relay(wrap(Box::new(TokioIo::new(io))).await, backend, rate).await,
                Err(error) => tracing::debug!(%error, "the connection ended before it was upgraded"),
            }
        });
    }

    /// The request for the back end.
    fn request<B>(&self, request: &Request<B>) -> Request<Empty<bytes::Bytes>> {
        let mut outgoing = Request::new(Empty::new());
        *outgoing.method_mut() = request.method().clone();
        let path = self.location.path_and_query().map_or("/", |path| path.as_str());
        *outgoing.uri_mut() = path.parse().expect("a part of a URI is one");
        let mut headers = request.headers().clone();
        remove_hop_by_hop(&mut headers);
        headers.remove(AUTHORIZATION);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Some(token) = request.headers().get(UPGRADE) {
            headers.insert(UPGRADE, token.clone());
        }
        let host = self.location.authority().map(|host| host.as_str());
        if (self.use_location_host || !headers.contains_key(HOST))
            && let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok())
        {
            headers.insert(HOST, host);
        }
        if let Some(address) = self.client_address {
            append_forwarded_for(&mut headers, address);
        }
        for name in self.headers.keys() {
            headers.remove(name);
        }
        headers.extend(self.headers.clone());
        *outgoing.headers_mut() = headers;
        outgoing
    }
}

/// Refuses what is no upgrade, and what could carry more than one.
fn check<B>(request: &Request<B>) -> Result<(), RelayError> {
    let headers = request.headers();
    if !upgrade::is_upgrade_request(headers) {
        return Err(RelayError::UpgradeRequired);
    }
    let length = headers.get(CONTENT_LENGTH);
    if headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0") {
        return Err(RelayError::RequestBody);
    }
    match headers.get(UPGRADE) {
        None => Err(RelayError::UpgradeRequired),
        Some(token) if contains(token, "h2c") => Err(RelayError::UpgradeToken(
            String::from_utf8_lossy(token.as_bytes()).into_owned(),
        )),
        Some(_) => Ok(()),
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        &CONNECTION,
        &UPGRADE,
        &TE,
        &TRAILER,
        &TRANSFER_ENCODING,
        &CONTENT_LENGTH,
        &PROXY_AUTHORIZATION,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.remove("expect");
    headers.remove("http2-settings");
}

fn append_forwarded_for(headers: &mut HeaderMap, address: IpAddr) {
    let mut chain: Vec<String> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    chain.push(address.to_string());
    if let Ok(value) = HeaderValue::from_str(&chain.join(", ")) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// Passes an answer that is no upgrade to the client, whose connection ends with it.
fn pass(response: Response<Incoming>) -> Result<Response<Body>, RelayError> {
    if response.status().as_u16() < 400 {
        return Err(RelayError::Response(response.status()));
    }
    let (mut parts, body) = response.into_parts();
    let length = parts.headers.get(CONTENT_LENGTH).cloned();
    remove_hop_by_hop(&mut parts.headers);
    if let Some(length) = length {
        parts.headers.insert(CONTENT_LENGTH, length);
    }
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    parts.extensions = http::Extensions::new();
    Ok(Response::from_parts(parts, body.map_err(Into::into).boxed()))
}

async fn run_translated(io: BoxIo, endpoint: &Endpoint, options: Options) {
    let connections = &endpoint.connections;
    let streams = ServerStreams::websocket(io, V5, options, IDLE_TIMEOUT, connections).await;
    let (exec, mut error, resize, connection) = streams.into_parts();
    let command = stream_over_spdy(
        endpoint,
        StreamOptions {
            stdin: exec.stdin,
            stdout: exec.stdout,
            stderr: exec.stderr,
            tty: exec.tty,
            resize: exec.tty.then_some(exec.resize),
        },
        &CLIENT_PROTOCOLS,
        Some(PING_PERIOD),
    );
    let Some(result) = ServerStreams::attend(&connection, resize, command).await else {
        return;
    };
    let status = match result {
        Ok(()) => Status::success(),
        Err(RemoteCommandError::Exit(code)) => {
            Status::exit_code(code.into(), &format!("command terminated with exit code {code}"))
        }
        Err(RemoteCommandError::Dial(
            DialError::Refused {
                status: Some(status), ..
            }
            | DialError::Handshake {
                status: Some(status), ..
            },
        )) => *status,
        Err(error) => Status::internal_error(&error.to_string()),
    };
    if let Err(error) = write_status(&mut error, V5, &status).await {
        tracing::debug!(%error, "the client went before it could be told the status");
    }
}
