//! The `/metrics` answer: text format 0.0.4, compressed when the client takes it.
//!
//! Clients that ask for another format (protobuf, OpenMetrics) are answered in this one, which every scraper reads;
//! upstream's handler falls back to it in the same way.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use prometheus::{Encoder, TextEncoder};

use super::MetricsRegistry;
use crate::serving::Body;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

impl MetricsRegistry {
    /// Everything that is published, in the text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.inner.registry.gather(), &mut text) {
            // A family without children cannot be encoded and is left out; everything before it stands.
            tracing::error!(err = %error, "error encoding metrics");
        }
        String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Answers a scrape with these request headers.
    #[must_use]
    pub fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let text = self.encode();
        let mut response = Response::new(Body::empty());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if accepts_gzip(headers) {
            let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
            match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
                Ok(compressed) => {
                    response
                        .headers_mut()
                        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    *response.body_mut() = Body::from(compressed);
                }
                Err(error) => {
                    tracing::error!(err = %error, "error compressing metrics");
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
            }
        } else {
            *response.body_mut() = Body::from(text);
        }
        response
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = parameters
                .trim()
                .strip_prefix("q=")
                .is_some_and(|quality| quality.parse() == Ok(0.0_f32));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
}
