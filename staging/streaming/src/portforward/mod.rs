//! Port-forward: many TCP connections over one upgraded connection.
//!
//! Corresponds to `k8s.io/cri-streaming/pkg/streaming/portforward` (server) and
//! `k8s.io/client-go/tools/portforward` (client). Over SPDY, each forwarded connection is a pair of
//! streams, one for its data and one for an error text, which share a request id. Legacy WebSockets
//! have a pair of channels for each port that the request names, once.

mod client;
mod server;

use http::Uri;

pub use client::{ForwardError, ForwardedPort, PortForwarder, PortSpecError, parse_port};
pub use server::{ServerConfig, serve};

/// The protocol over SPDY.
pub const V1: &str = "portforward.k8s.io";

/// The header, or query parameter, that names a port.
const PORT: &str = "port";
const REQUEST_ID: &str = "requestid";
const STREAM_TYPE: &str = "streamtype";
const DATA: &str = "data";
const ERROR: &str = "error";

/// A legacy WebSocket request whose ports are wrong, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortQueryError {
    /// No port is named.
    #[error("query parameter \"port\" is required")]
    Missing,
    /// A parameter is empty.
    #[error("query parameter \"port\" cannot be empty")]
    Empty,
    /// Not a number of 16 bits.
    #[error("unable to parse {0:?} as a port: strconv.ParseUint: parsing {1:?}: {2}")]
    Parse(String, String, &'static str),
    /// Port 0.
    #[error("port {0:?} must be > 0")]
    Zero(String),
}

/// Reads the ports that a legacy WebSocket request names: several parameters, each a list with commas.
///
/// # Errors
/// To be answered with 400 and the error's text.
pub fn ports_from_query(uri: &Uri) -> Result<Vec<u16>, PortQueryError> {
    let mut ports = Vec::new();
    for (_, text) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| name == PORT)
    {
        if text.is_empty() {
            return Err(PortQueryError::Empty);
        }
        for port in text.split(',') {
            match parse_u16(port) {
                Ok(0) => return Err(PortQueryError::Zero(text.to_string())),
                Ok(port) => ports.push(port),
                Err(why) => {
                    return Err(PortQueryError::Parse(text.to_string(), port.to_owned(), why));
                }
            }
        }
    }
    if ports.is_empty() {
        return Err(PortQueryError::Missing);
    }
    Ok(ports)
}

/// A decimal number of 16 bits; the error is worded as Go words it.
fn parse_u16(text: &str) -> Result<u16, &'static str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid syntax");
    }
    text.parse().map_err(|_| "value out of range")
}
