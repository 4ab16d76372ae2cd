//! What surrounds every request whatever it asks for: deadlines, headers for browsers, the end of HTTP/2 connections.

use std::time::Duration;

use apimachinery::status::StatusError;
use component_base::{
    GoDuration,
    serving::{Body, RequestContext as ServingContext},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};
use regex::Regex;

use crate::options::Query;

/// How the server treats requests at its edge.
#[derive(Clone, Debug)]
pub struct Edge {
    /// How long requests that are not long-running may take (`--request-timeout`); `None` for ever.
    pub request_limit: Option<Duration>,
    /// How long watches last at least that do not say (`--min-request-timeout`); at most twice as long.
    pub min_watch: Duration,
    /// How likely a request of HTTP/2 ends its connection (`--goaway-chance`).
    pub goaway_chance: f64,
    /// The value of `Strict-Transport-Security`.
    pub transport_security: Option<HeaderValue>,
    /// Origins that browsers may send requests from (`--cors-allowed-origins`).
    pub origins: Vec<Regex>,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            request_limit: Some(Duration::from_secs(60)),
            min_watch: Duration::from_secs(1800),
            goaway_chance: 0.0,
            transport_security: None,
            origins: Vec::new(),
        }
    }
}

impl Edge {
    /// The origin of a browser's request, if it is one that may be.
    pub(super) fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN).filter(|_| !self.origins.is_empty())?;
        let text = origin.to_str().ok()?;
        self.origins
            .iter()
            .any(|pattern| pattern.is_match(text))
            .then(|| origin.clone())
    }

    /// Adds what browsers want to know.
    pub(super) fn add_headers(&self, response: &mut Response<Body>, origin: Option<HeaderValue>) {
        let headers = response.headers_mut();
        if let Some(value) = &self.transport_security {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
        }
        let Some(origin) = origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        for (name, value) in [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "POST, GET, OPTIONS, PUT, DELETE, PATCH",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, \
                 If-Modified-Since",
            ),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    /// Whether a request ends its connection, so that the client may find another server.
    pub(super) fn end_connection(&self, parts: &Parts, serving: Option<&ServingContext>) {
        let chosen =
            self.goaway_chance > 0.0 && parts.version == Version::HTTP_2 && rand::random_bool(self.goaway_chance);
        if let Some(serving) = serving.filter(|_| chosen) {
            serving.connection().close_gracefully();
        }
    }

    /// How long a request that is not long-running may take. The client may want less.
    pub(super) fn limit(&self, query: &Query) -> Result<Option<Duration>, StatusError> {
        let Some(text) = query.get("timeout").filter(|text| !text.is_empty()) else {
            return Ok(self.request_limit);
        };
        let wanted: GoDuration = text.parse().map_err(|error| {
            StatusError::bad_request(format!("invalid timeout specified in the request URL - {error}"))
        })?;
        let wanted = Some(wanted)
            .filter(|wanted| *wanted > GoDuration::default())
            .map(GoDuration::to_std);
        Ok(match (wanted, self.request_limit) {
            (Some(wanted), Some(limit)) => Some(wanted.min(limit)),
            (wanted, limit) => wanted.or(limit),
        })
    }
}

/// A browser's question whether it may send a request.
pub(super) fn is_preflight(method: &Method, origin: Option<&HeaderValue>) -> bool {
    origin.is_some() && method == Method::OPTIONS
}

/// The answer to that question; the headers say the rest.
pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The answer to a request that took too long.
pub(super) fn timed_out() -> StatusError {
    StatusError::timeout("request did not complete within the allotted timeout", 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};
    use regex::Regex;

    use super::Edge;
    use crate::options::Query;

    #[test]
    fn deadlines() {
        let edge = Edge::default();
        let limit = |query: &str| {
            edge.limit(&Query::parse(query))
                .map_err(|status| status.into_status().message)
        };
        let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
        assert_eq!(limit(""), seconds(60));
        assert_eq!(limit("timeout=5s"), seconds(5));
        assert_eq!(limit("timeout=0s"), seconds(60));
        assert_eq!(limit("timeout=5m"), seconds(60));
        let message = limit("timeout=x").expect_err("no duration");
        assert!(
            message.starts_with("invalid timeout specified in the request URL - "),
            "{message}"
        );
    }

    #[test]
    fn origins() {
        let edge = Edge {
            origins: vec![Regex::new("^https://good\\.example$").expect("a pattern")],
            ..Edge::default()
        };
        let allowed = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            edge.allowed_origin(&headers).is_some()
        };
        assert!(allowed("https://good.example"));
        assert!(!allowed("https://good.example.evil"));
        assert_eq!(edge.allowed_origin(&HeaderMap::new()), None);
    }
}
