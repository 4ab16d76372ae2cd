//! Who the client is: bearer tokens from memory, files and exec plugins, basic authentication, impersonation.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::TransportError;
use crate::config::exec::{Authenticator, Credentials};
use crate::config::{Config, Impersonation, TokenSource};

/// How long a token from a file is used before the file is read again.
const TOKEN_PERIOD: Duration = Duration::from_secs(60);

/// Adds credentials to requests.
pub(crate) struct Auth {
    source: Option<Arc<dyn TokenSource>>,
    fixed: Option<HeaderValue>,
    file: Option<TokenFile>,
    exec: Option<Authenticator>,
    impersonation: Vec<(HeaderName, HeaderValue)>,
}

struct TokenFile {
    path: String,
    cached: Mutex<Option<(HeaderValue, Instant)>>,
}

/// What a request was sent with.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) exec: Option<Arc<Credentials>>,
    token: Option<String>,
}

fn header(text: &str) -> Result<HeaderValue, TransportError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| TransportError::Config("credentials contain characters that no header may have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn bearer(token: &str) -> Result<HeaderValue, TransportError> {
    header(&format!("Bearer {token}"))
}

impl Auth {
    pub(crate) fn new(config: &Config) -> Result<Self, TransportError> {
        let basic = !config.username.is_empty() || !config.password.is_empty();
        let token = !config.bearer_token.is_empty();
        if basic && token {
            return Err(TransportError::Config(
                "username/password or bearer token may be set, but not both".to_owned(),
            ));
        }
        let fixed = if token {
            Some(bearer(&config.bearer_token)?)
        } else if basic {
            let text = format!("{}:{}", config.username, config.password);
            Some(header(&format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(text)
            ))?)
        } else {
            None
        };
        let path = config.bearer_token_file.clone();
        let file = (!path.is_empty()).then(|| TokenFile {
            path,
            cached: Mutex::new(None),
        });
        // A program is asked only by clients that have nothing else.
        let source = config.token_source.clone();
        let exec = if source.is_some() || fixed.is_some() || file.is_some() || config.tls.has_client_certificate() {
            None
        } else {
            Authenticator::new(config)?
        };
        Ok(Self {
            source,
            fixed,
            file,
            exec,
            impersonation: impersonation(&config.impersonate)?,
        })
    }

    /// Adds the headers, unless the request has its own `Authorization`.
    pub(crate) async fn add(&self, headers: &mut HeaderMap) -> Result<Used, TransportError> {
        if !headers.contains_key("impersonate-user") {
            for (name, value) in &self.impersonation {
                headers.append(name, value.clone());
            }
        }
        if headers.contains_key(AUTHORIZATION) {
            return Ok(Used::default());
        }
        if let Some(source) = &self.source {
            let token = source.token().await?;
            headers.insert(AUTHORIZATION, bearer(&token)?);
            return Ok(Used {
                token: Some(token),
                ..Used::default()
            });
        }
        if let Some(file) = &self.file {
            if let Some(value) = file.token(self.fixed.as_ref())? {
                headers.insert(AUTHORIZATION, value);
            }
        } else if let Some(value) = &self.fixed {
            headers.insert(AUTHORIZATION, value.clone());
        } else if let Some(exec) = &self.exec {
            // In a box: few have a program to ask, and the future of every request has room for it otherwise.
            let credentials = Box::pin(exec.credentials()).await?;
            if !credentials.token.is_empty() {
                headers.insert(AUTHORIZATION, bearer(&credentials.token)?);
            }
            return Ok(Used {
                exec: Some(credentials),
                ..Used::default()
            });
        }
        Ok(Used::default())
    }

    /// The server did not take the credentials: the next request gets fresh ones.
    pub(crate) async fn refused(&self, used: &Used) {
        if let Some(file) = &self.file {
            *file.cached.lock() = None;
        }
        if let (Some(source), Some(token)) = (&self.source, &used.token) {
            source.refused(token).await;
        }
        if let (Some(exec), Some(credentials)) = (&self.exec, &used.exec)
            && let Err(error) = Box::pin(exec.refresh(credentials)).await
        {
            tracing::error!(%error, "refreshing credentials");
        }
    }
}

impl TokenFile {
    /// The token; one that cannot be read any more is used on until it can.
    fn token(&self, fallback: Option<&HeaderValue>) -> Result<Option<HeaderValue>, TransportError> {
        let mut cached = self.cached.lock();
        if let Some((value, read)) = &*cached
            && read.elapsed() < TOKEN_PERIOD
        {
            return Ok(Some(value.clone()));
        }
        let outcome = std::fs::read_to_string(&self.path)
            .map_err(|error| TransportError::File {
                path: self.path.clone(),
                source: Arc::new(error),
            })
            .and_then(|text| match text.trim() {
                "" => Err(TransportError::Config(format!(
                    "read empty token from file {}",
                    k8s_api::primitives::quote(&self.path)
                ))),
                token => bearer(token),
            });
        match outcome {
            Ok(value) => {
                *cached = Some((value.clone(), Instant::now()));
                Ok(Some(value))
            }
            Err(error) => {
                let former = cached.as_ref().map(|(value, _)| value).or(fallback).cloned();
                tracing::error!(%error, "unable to rotate token");
                former.map(Some).ok_or(error)
            }
        }
    }
}

fn impersonation(config: &Impersonation) -> Result<Vec<(HeaderName, HeaderValue)>, TransportError> {
    let mut headers = Vec::new();
    if config.user_name.is_empty() {
        return if config.uid.is_empty() && config.groups.is_empty() && config.extra.is_empty() {
            Ok(headers)
        } else {
            Err(TransportError::Config(
                "requesting uid, groups or user-extra without impersonating a user".to_owned(),
            ))
        };
    }
    headers.push((HeaderName::from_static("impersonate-user"), header(&config.user_name)?));
    if !config.uid.is_empty() {
        headers.push((HeaderName::from_static("impersonate-uid"), header(&config.uid)?));
    }
    for group in &config.groups {
        headers.push((HeaderName::from_static("impersonate-group"), header(group)?));
    }
    for (key, values) in &config.extra {
        let escaped = percent_encoding::utf8_percent_encode(key, &EXTRA_KEY);
        let name = HeaderName::try_from(format!("impersonate-extra-{escaped}"))
            .map_err(|error| TransportError::Config(error.to_string()))?;
        for value in values {
            headers.push((name.clone(), header(value)?));
        }
    }
    Ok(headers)
}

/// What a header's name cannot hold; `%` is the escape itself. Upper case would be lost.
const EXTRA_KEY: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'*')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');
