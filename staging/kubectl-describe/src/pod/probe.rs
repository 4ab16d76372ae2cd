//! Probes, each on one line.

use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::values::{number, some, text};

pub(super) fn describe(probe: &Value) -> String {
    let timing = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number(probe, "/initialDelaySeconds"),
        number(probe, "/timeoutSeconds"),
        number(probe, "/periodSeconds"),
        number(probe, "/successThreshold"),
        number(probe, "/failureThreshold")
    );
    let port = |action: &Value| some(action, "/port").map(go_value).unwrap_or_default();
    if let Some(exec) = some(probe, "/exec") {
        let command = some(exec, "/command").map_or_else(|| "[]".to_owned(), go_value);
        format!("exec {command} {timing}")
    } else if let Some(get) = some(probe, "/httpGet") {
        let host = text(get, "/host");
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let path = escaped(text(get, "/path"));
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        let scheme = text(get, "/scheme").to_lowercase();
        format!("http-get {scheme}://{host}:{}{slash}{path} {timing}", port(get))
    } else if let Some(socket) = some(probe, "/tcpSocket") {
        format!("tcp-socket {}:{} {timing}", text(socket, "/host"), port(socket))
    } else if let Some(grpc) = some(probe, "/grpc") {
        format!("grpc <pod>:{} {} {timing}", port(grpc), text(grpc, "/service"))
    } else {
        format!("unknown {timing}")
    }
}

/// A path as it stands in a URL.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
