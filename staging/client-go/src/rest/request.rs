//! One request, from its path to its response.

use std::time::Duration;

use apimachinery::status::{GroupResource, ResponseError, StatusError, from_response_body, generic_server_response};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT, WARNING};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use tokio::time::{Instant, sleep, timeout_at};

use super::{ByteStream, Client, Error, body, retry};
use crate::transport::{ResponseBody, TransportError};

/// How much of a body that is no `Status` stands in the error.
const MAX_MESSAGE: usize = 2048;

/// A response that was read whole.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// The HTTP status, 2xx.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    timeout: Option<Duration>,
    max_retries: u32,
    group: String,
    resource: String,
    name: String,
    limited: bool,
}

impl Request {
    pub(super) fn new(client: Client, method: Method, path: String) -> Self {
        let timeout = client.inner.timeout;
        Self {
            client,
            method,
            path,
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout,
            max_retries: retry::MAX_RETRIES,
            group: String::new(),
            resource: String::new(),
            name: String::new(),
            limited: true,
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.query.push('=');
        self.query.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn query_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets `Accept`; JSON without it.
    #[must_use]
    pub fn accept(self, media_type: &'static str) -> Self {
        self.header(ACCEPT, HeaderValue::from_static(media_type))
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// Another timeout than the client's; `None` is for ever.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often the request is sent again when the server asks for it; 10 by default.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Goes past the client's rate limit.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.limited = false;
        self
    }

    /// What the request is about, for errors that the server does not word.
    #[must_use]
    pub fn about(mut self, group: &str, resource: &str, name: &str) -> Self {
        group.clone_into(&mut self.group);
        resource.clone_into(&mut self.resource);
        name.clone_into(&mut self.name);
        self
    }

    /// The full URL.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = format!("{}{}", self.client.inner.base, self.path);
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&self.query);
        }
        url
    }

    /// The URL in parts, of which only the path is read again.
    fn uri(&self) -> Result<Uri, Error> {
        let target = &self.client.inner.transport.target;
        let length = target.prefix.len() + self.path.len() + self.query.len() + 1;
        let mut path = String::with_capacity(length);
        path.push_str(&target.prefix);
        path.push_str(&self.path);
        if !self.query.is_empty() {
            path.push('?');
            path.push_str(&self.query);
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if target.tls { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(target.authority.clone());
        PathAndQuery::from_maybe_shared(Bytes::from(path))
            .map_err(http::Error::from)
            .and_then(|path| {
                parts.path_and_query = Some(path);
                Uri::from_parts(parts).map_err(http::Error::from)
            })
            .map_err(|error| Error::Invalid(format!("invalid URL {}: {error}", self.url())))
    }

    /// Sends the request and reads the response.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn send(mut self) -> impl Future<Output = Result<RawResponse, Error>> + Send {
        if self.client.inner.compression {
            self.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(timeout) = self.timeout {
            self = self.query("timeout", &component_base::GoDuration::from(timeout).to_string());
        }
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        // What an async function is given lies in its future twice, and this one is in that of everybody who asks anything.
        async move {
            match deadline {
                None => self.whole().await,
                Some(deadline) => timeout_at(deadline, self.whole()).await.unwrap_or_else(|_| {
                    Err(Error::Timeout {
                        verb: go_verb(&self.method),
                        url: self.url(),
                    })
                }),
            }
        }
    }

    /// One exchange, and the response read to its end.
    async fn whole(&self) -> Result<RawResponse, Error> {
        let (parts, stream) = self.exchange().await?.into_parts();
        let gzip = parts
            .headers
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding == "gzip");
        let body = body::read(stream, gzip).await?;
        if let Some(metrics) = &self.client.inner.metrics {
            metrics.read(&self.method, body.len());
        }
        if parts.status.is_success() {
            return Ok(RawResponse {
                status: parts.status,
                headers: parts.headers,
                body,
            });
        }
        Err(self.failure(parts.status, &parts.headers, &body).into())
    }

    /// Sends the request and gives the response's body as it comes. The timeout is for its beginning.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stream(self) -> Result<ByteStream, Error> {
        let begin = async {
            let response = self.exchange().await?;
            let (parts, stream) = response.into_parts();
            if parts.status.is_success() {
                return Ok(ByteStream::new(stream));
            }
            let body = body::read(stream, false).await?;
            Err(self.failure(parts.status, &parts.headers, &body).into())
        };
        match self.timeout.map(|timeout| Instant::now() + timeout) {
            None => begin.await,
            Some(deadline) => timeout_at(deadline, begin).await.unwrap_or_else(|_| {
                Err(Error::Timeout {
                    verb: go_verb(&self.method),
                    url: self.url(),
                })
            }),
        }
    }

    /// Sends, and sends again as often as it may.
    async fn exchange(&self) -> Result<Response<ResponseBody>, Error> {
        let uri = self.uri()?;
        let mut retries = 0;
        loop {
            if self.limited || retries > 0 {
                self.wait_for_turn().await;
            }
            let outcome = self.attempt(&uri).await;
            let pause = match &outcome {
                Ok(response) => retry::after_response(response.status(), response.headers()),
                Err(error) => retry::after_failure(&self.method, error),
            };
            let Some(pause) = pause.filter(|_| retries < self.max_retries) else {
                return outcome.map_err(|source| Error::Request {
                    verb: go_verb(&self.method),
                    url: self.url(),
                    source,
                });
            };
            retries += 1;
            tracing::debug!(attempt = retries, ?pause, method = %self.method, path = self.path, "the request is sent again");
            if let Some(metrics) = &self.client.inner.metrics {
                metrics.sent_again(&self.method, status(&outcome));
            }
            if let Ok(response) = outcome {
                // Read to its end, so that the connection can be used again; what it says was in the headers.
                let _ = body::read(response.into_body(), false).await;
            }
            sleep(pause).await;
        }
    }

    async fn wait_for_turn(&self) {
        let inner = &self.client.inner;
        let Some(limiter) = &inner.limiter else { return };
        let waited = limiter.accept().await;
        if let Some(metrics) = &inner.metrics {
            metrics.held_back(&self.method, waited);
        }
        if waited > Duration::from_secs(1) {
            tracing::info!(?waited, method = %self.method, path = self.path, "waited before sending request: client-side throttling");
        }
    }

    async fn attempt(&self, uri: &Uri) -> Result<Response<ResponseBody>, TransportError> {
        let inner = &self.client.inner;
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        headers.entry(USER_AGENT).or_insert_with(|| inner.user_agent.clone());
        let started = Instant::now();
        let outcome = inner.transport.send(&mut request).await;
        if let Some(metrics) = &inner.metrics {
            metrics.answered(&self.method, status(&outcome), started.elapsed(), self.body.len());
        }
        if let Ok(response) = &outcome {
            for text in response.headers().get_all(WARNING).iter().filter_map(warning_text) {
                match &inner.warnings {
                    Some(handler) => handler.warning(&text),
                    None => tracing::warn!("{text}"),
                }
            }
        }
        outcome
    }

    /// The error that a response stands for.
    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> StatusError {
        if let Some(error) = from_response_body(body) {
            return error;
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)]);
        let text = text.trim();
        generic_server_response(ResponseError {
            code: i32::from(status.as_u16()),
            verb: self.method.as_str(),
            resource: GroupResource {
                group: &self.group,
                resource: &self.resource,
            },
            name: &self.name,
            server_message: if text.is_empty() { "unknown" } else { text },
            retry_after_seconds: retry::retry_after(headers)
                .and_then(|s| i32::try_from(s).ok())
                .unwrap_or(0),
            unexpected: true,
        })
    }
}

fn status(outcome: &Result<Response<ResponseBody>, TransportError>) -> Option<StatusCode> {
    outcome.as_ref().ok().map(Response::status)
}

/// `GET` as Go's errors have it: `Get`.
fn go_verb(method: &Method) -> String {
    let text = method.as_str();
    let (first, rest) = text.split_at(text.len().min(1));
    format!("{first}{}", rest.to_lowercase())
}

/// The text of `299 - "text"`, which is a warning of the API's.
fn warning_text(header: &HeaderValue) -> Option<String> {
    // Texts are UTF-8, which the header's own reader takes for opaque.
    let text = String::from_utf8_lossy(header.as_bytes());
    let (_, message) = text.strip_prefix("299 ")?.split_once('"')?;
    let end = message.rfind('"').unwrap_or(message.len());
    Some(message[..end].replace("\\\"", "\"").replace("\\\\", "\\"))
}
