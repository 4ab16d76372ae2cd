//! The HTTP client of probes and lifecycle hooks: one connection a request, any certificate, redirects on the same host.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use component_base::any_certificate::AnyCertificate;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_api::core::v1::{Container, HTTPGetAction};
use k8s_api::primitives::IntOrString;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

/// No more of a body is read.
const MAX_BODY: usize = 10 * 1024;
/// More redirects are a failure.
const MAX_REDIRECTS: usize = 10;

/// A request failed before there was an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The action cannot be turned into a request.
    #[error("{0}")]
    Invalid(String),
    /// The connection or the exchange failed.
    #[error("Get {url:?}: {reason}")]
    Failed {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// Its status.
    pub status: StatusCode,
    /// The beginning of its body.
    pub body: String,
}

/// The number of a port, by number or by the name that the container gives it.
///
/// # Errors
/// If there is no such name or number.
pub fn resolve_port(port: &IntOrString, container: &Container) -> Result<u16, HttpError> {
    let number = match port {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(name) => match container.ports.iter().find(|port| *port.name == **name) {
            Some(port) => i64::from(port.container_port),
            None => name
                .parse()
                .map_err(|_| HttpError::Invalid(format!("strconv.Atoi: parsing {:?}: invalid syntax", &**name)))?,
        },
    };
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(HttpError::Invalid(format!("invalid port number: {number}"))),
    }
}

/// Does what an HTTP action asks for. `purpose` is `probe` or `lifecycle`.
///
/// # Errors
/// If there is no answer within the timeout.
pub async fn http_get(
    action: &HTTPGetAction,
    container: &Container,
    pod_ip: &str,
    purpose: &str,
    timeout: Duration,
) -> Result<HttpResponse, HttpError> {
    let url = action_url(action, container, pod_ip)?;
    let headers = headers(action, purpose)?;
    let failed = |url: &Url, reason: String| HttpError::Failed {
        url: url.to_string(),
        reason,
    };
    match tokio::time::timeout(timeout, follow(url.clone(), &headers)).await {
        Ok(result) => result.map_err(|(url, reason)| failed(&url, reason)),
        Err(_) => Err(failed(
            &url,
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned(),
        )),
    }
}

fn action_url(action: &HTTPGetAction, container: &Container, pod_ip: &str) -> Result<Url, HttpError> {
    let scheme = if action.scheme.is_empty() {
        "http".to_owned()
    } else {
        action.scheme.to_lowercase()
    };
    let host = if action.host.is_empty() { pod_ip } else { &action.host };
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let port = resolve_port(&action.port, container)?;
    let path = if action.path.starts_with('/') {
        action.path.clone()
    } else {
        format!("/{}", action.path)
    };
    Url::parse(&format!("{scheme}://{host}:{port}{path}")).map_err(|error| HttpError::Invalid(error.to_string()))
}

fn headers(action: &HTTPGetAction, purpose: &str) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    for header in &action.http_headers {
        let name: HeaderName = header
            .name
            .parse()
            .map_err(|_| HttpError::Invalid(format!("net/http: invalid header field name {:?}", header.name)))?;
        let value = HeaderValue::from_str(&header.value)
            .map_err(|_| HttpError::Invalid(format!("net/http: invalid header field value for {:?}", header.name)))?;
        headers.append(name, value);
    }
    if !headers.contains_key(USER_AGENT) {
        let version = env!("CARGO_PKG_VERSION")
            .rsplit_once('.')
            .map_or("", |(minor, _)| minor);
        let agent = HeaderValue::from_str(&format!("kube-{purpose}/{version}"));
        headers.insert(USER_AGENT, agent.expect("a version is printable"));
    }
    match headers.get(ACCEPT) {
        None => drop(headers.insert(ACCEPT, HeaderValue::from_static("*/*"))),
        Some(value) if value.is_empty() => drop(headers.remove(ACCEPT)),
        Some(_) => {}
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(headers)
}

/// Follows redirects as long as they stay on the host of the first request.
async fn follow(first: Url, headers: &HeaderMap) -> Result<HttpResponse, (Url, String)> {
    let mut url = first.clone();
    for _ in 0..MAX_REDIRECTS {
        let (response, location) = exchange(&url, headers).await.map_err(|reason| (url.clone(), reason))?;
        let next = location
            .filter(|_| response.status.is_redirection())
            .and_then(|to| url.join(&to).ok());
        match next {
            Some(next) if next.host_str() == first.host_str() => url = next,
            _ => return Ok(response),
        }
    }
    Err((url, "stopped after 10 redirects".to_owned()))
}

async fn exchange(url: &Url, headers: &HeaderMap) -> Result<(HttpResponse, Option<String>), String> {
    let host = url.host_str().ok_or("no Host in request URL")?;
    let port = url.port_or_known_default().ok_or("no port in request URL")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await;
    let stream = stream.map_err(|error| format!("dial tcp {host}:{port}: connect: {}", words(&error)))?;
    match url.scheme() {
        "http" => send(stream, url, headers).await,
        "https" => {
            let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
            let stream = tls().connect(name, stream).await.map_err(|error| error.to_string())?;
            send(stream, url, headers).await
        }
        other => Err(format!("unsupported protocol scheme {other:?}")),
    }
}

/// The system's words without the number that Rust puts behind them.
pub(crate) fn words(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    headers: &HeaderMap,
) -> Result<(HttpResponse, Option<String>), String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target = format!("{target}?{query}");
    }
    let mut request = Request::get(target)
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    *request.headers_mut() = headers.clone();
    if !headers.contains_key(HOST) {
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let host = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
        request.headers_mut().insert(HOST, host);
    }
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let (parts, body) = response.into_parts();
        // A longer body is cut, and is no failure.
        let mut limited = Limited::new(body, MAX_BODY);
        let mut text = Vec::new();
        while let Some(Ok(frame)) = limited.frame().await {
            if let Ok(data) = frame.into_data() {
                text.extend_from_slice(&data);
            }
        }
        let body = String::from_utf8_lossy(&text).into_owned();
        Ok((
            HttpResponse {
                status: parts.status,
                body,
            },
            location,
        ))
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        done = &mut exchange => done,
        ended = &mut connection => {
            // The last of the answer may have come with the end of the connection.
            if let Err(error) = ended {
                tracing::debug!(%error, "probe connection");
            }
            exchange.await
        }
    }
}

fn tls() -> tokio_rustls::TlsConnector {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider)))
            .with_no_client_auth();
        Arc::new(config)
    });
    config.clone().into()
}
