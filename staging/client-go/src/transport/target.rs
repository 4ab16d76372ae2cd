//! The server a transport talks to, taken apart from [`Config::host`](crate::config::Config).

use http::uri::Authority;

use super::TransportError;
use crate::config::Config;

/// Scheme, host, port and path of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether connections are TLS.
    pub(crate) tls: bool,
    /// Host without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// Host and port as the URL has them.
    pub(crate) authority: Authority,
    /// What goes before every path; empty or without a slash at its end.
    pub(crate) prefix: String,
}

impl Target {
    pub(crate) fn new(config: &Config) -> Result<Self, TransportError> {
        let invalid = |why: String| TransportError::Config(format!("host must be a URL or a host:port pair: {why}"));
        if config.host.is_empty() {
            return Err(invalid(k8s_api::primitives::quote("")));
        }
        let tls = &config.tls;
        let has_tls = tls.insecure
            || tls.has_client_certificate()
            || !tls.ca_file.is_empty()
            || !tls.ca_data.is_empty()
            || config.exec.is_some();
        let text = match (config.host.contains("://"), has_tls) {
            (true, _) => config.host.clone(),
            (false, true) => format!("https://{}", config.host),
            (false, false) => format!("http://{}", config.host),
        };
        let uri: http::Uri = text
            .parse()
            .map_err(|_| invalid(k8s_api::primitives::quote(&config.host)))?;
        let scheme_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid(k8s_api::primitives::quote(&config.host))),
        };
        let authority = uri
            .authority()
            .cloned()
            .ok_or_else(|| invalid(k8s_api::primitives::quote(&config.host)))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok(Self {
            tls: scheme_tls,
            host,
            port: authority.port_u16().unwrap_or(if scheme_tls { 443 } else { 80 }),
            authority,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// `scheme://host:port/prefix`.
    pub(crate) fn base(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.prefix)
    }

    /// `host:port` for dialling.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}
