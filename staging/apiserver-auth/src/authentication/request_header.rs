//! Users named by a front proxy's headers (upstream: `pkg/authentication/request/headerrequest`).
//!
//! **Invariant:** no header is read before the proxy's certificate was verified.

use std::sync::Arc;

use async_trait::async_trait;
use component_base::serving::DynamicCaBundle;
use http::HeaderMap;

use super::{AuthenticationError, Outcome, Request, RequestAuthenticator, Response, extra_key, x509::Subject};
use crate::user::UserInfo;

/// Which headers say what, and who may send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeaderConfig {
    /// Headers with the user's name; the first with a value counts.
    pub username_headers: Vec<String>,
    /// Headers with the user's identifier; the first with a value counts.
    pub uid_headers: Vec<String>,
    /// Headers with groups; all count.
    pub group_headers: Vec<String>,
    /// Prefixes of headers with further attributes.
    pub extra_header_prefixes: Vec<String>,
    /// Common names that a proxy's certificate may have; any if there are none.
    pub allowed_names: Vec<String>,
}

impl RequestHeaderConfig {
    /// The headers that are taken out of every request, whether a proxy is configured or not.
    #[must_use]
    pub fn standard() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            username_headers: one("X-Remote-User"),
            uid_headers: one("X-Remote-Uid"),
            group_headers: one("X-Remote-Group"),
            extra_header_prefixes: one("X-Remote-Extra-"),
            allowed_names: Vec::new(),
        }
    }

    /// Takes the headers out.
    pub fn clear(&self, headers: &mut HeaderMap) {
        for name in self
            .username_headers
            .iter()
            .chain(&self.uid_headers)
            .chain(&self.group_headers)
        {
            headers.remove(name.as_str());
        }
        for prefix in &self.extra_header_prefixes {
            let names: Vec<_> = headers
                .keys()
                .filter(|name| strip_prefix(name.as_str(), prefix).is_some())
                .cloned()
                .collect();
            for name in names {
                headers.remove(name);
            }
        }
    }

    /// The user that the headers name, if they name one.
    fn user(&self, headers: &HeaderMap) -> Option<UserInfo> {
        let name = first(headers, &self.username_headers)?;
        let mut user = UserInfo {
            name,
            uid: first(headers, &self.uid_headers).unwrap_or_default(),
            ..UserInfo::default()
        };
        for header in &self.group_headers {
            user.groups
                .extend(values(headers, header).filter(|value| !value.is_empty()));
        }
        for prefix in &self.extra_header_prefixes {
            for header in headers.keys() {
                if let Some(key) = strip_prefix(header.as_str(), prefix) {
                    let list = user.extra.entry(extra_key(key)).or_default();
                    list.extend(values(headers, header.as_str()));
                }
            }
        }
        Some(user)
    }
}

/// Header names are lower case in the map; prefixes are as configured.
fn strip_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let head = name.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &name[prefix.len()..])
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = String> + 'a {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn first(headers: &HeaderMap, names: &[String]) -> Option<String> {
    names
        .iter()
        .find_map(|name| values(headers, name).next().filter(|value| !value.is_empty()))
}

/// Believes the headers of proxies with the right certificate.
pub struct RequestHeader {
    config: RequestHeaderConfig,
    authorities: Arc<DynamicCaBundle>,
}

impl RequestHeader {
    /// Proxies' certificates are signed by one of `authorities`.
    #[must_use]
    pub fn new(config: RequestHeaderConfig, authorities: Arc<DynamicCaBundle>) -> Self {
        Self { config, authorities }
    }
}

#[async_trait]
impl RequestAuthenticator for RequestHeader {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        let Some(leaf) = request.peer_certificates.first() else {
            return Ok(None);
        };
        self.authorities
            .current()
            .verify_client(request.peer_certificates, request.now)
            .map_err(|error| AuthenticationError::new(format!("x509: {error}")))?;
        let subject = Subject::parse(leaf).map_err(AuthenticationError::new)?;
        if !self.config.allowed_names.is_empty() && !self.config.allowed_names.contains(&subject.common_name) {
            return Err(AuthenticationError::new(format!(
                "x509: subject with cn={} is not in the allowed list",
                subject.common_name
            )));
        }
        let Some(user) = self.config.user(request.headers) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Response {
            user: user.into(),
            audiences: request.audiences.to_vec(),
            ..Response::default()
        })))
    }
}
