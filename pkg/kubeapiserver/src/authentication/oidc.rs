//! Issuers of tokens: from flags or the configuration file to authenticators, and their keys over the network.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use apiserver_auth::{
    authentication::{
        IssuerKeys, JwtIssuer,
        config::{
            AuthenticationConfiguration, ClaimMappings, ClaimValidationRule, Issuer, JwtAuthenticator, PrefixedClaim,
        },
    },
    jose::{Algorithm, PublicKey, parse_key_set},
};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use client_go::{Client, Config};
use http::Method;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::options::OidcOptions;
use crate::OptionError;

/// How often an unknown key makes us ask the issuer again, at most.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);
/// How long one question to the issuer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What of an issuer's metadata matters.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// An issuer's keys, fetched when they are first asked for and when a token was signed by an unknown one.
struct RemoteKeys {
    issuer: Issuer,
    known: ArcSwapOption<Vec<PublicKey>>,
    asked: Mutex<Option<Instant>>,
}

impl RemoteKeys {
    fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            known: ArcSwapOption::empty(),
            asked: Mutex::new(None),
        }
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let mut config = Config {
            host: url.origin().ascii_serialization(),
            qps: -1.0,
            ..Config::default()
        };
        config.tls.ca_data = self.issuer.certificate_authority.clone().into_bytes();
        let client = Client::new(&config).map_err(|error| error.to_string())?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let request = client.request(Method::GET, path).max_retries(0);
        match tokio::time::timeout(TIMEOUT, request.send()).await {
            Ok(response) => response
                .map(|response| response.body.to_vec())
                .map_err(|error| error.to_string()),
            Err(_) => Err("context deadline exceeded".to_owned()),
        }
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>, String> {
        let issuer = &self.issuer.url;
        let discovery = if self.issuer.discovery_url.is_empty() {
            format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
        } else {
            self.issuer.discovery_url.clone()
        };
        let metadata = self.get(&discovery).await?;
        let metadata: Metadata = serde_json::from_slice(&metadata).map_err(|error| error.to_string())?;
        if metadata.issuer != *issuer {
            return Err(format!(
                "oidc: issuer did not match the issuer returned by provider, expected {issuer:?} got {:?}",
                metadata.issuer
            ));
        }
        let keys = self.get(&metadata.jwks_uri).await?;
        parse_key_set(&keys).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl IssuerKeys for RemoteKeys {
    async fn keys(&self, refresh: bool) -> Result<Arc<Vec<PublicKey>>, String> {
        let known = self.known.load_full();
        if let (Some(keys), false) = (&known, refresh) {
            return Ok(keys.clone());
        }
        // Whoever waited for another's answer takes that one.
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|time| time.elapsed() < REFRESH_PERIOD) {
            return self.known.load_full().ok_or_else(|| "not fetched yet".to_owned());
        }
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                self.known.store(Some(keys.clone()));
                Ok(keys)
            }
            Err(error) => {
                tracing::error!(issuer = %self.issuer.url, "oidc authenticator: initializing plugin: {error}");
                known.ok_or(error)
            }
        }
    }
}

/// The authenticators of a configuration. Their keys are asked for at once, in the background, so that the first token
/// need not wait.
///
/// # Errors
/// Authorities that are none.
pub(super) fn issuers(
    configuration: &AuthenticationConfiguration,
    algorithms: &[Algorithm],
) -> Result<Vec<JwtIssuer>, OptionError> {
    let mut issuers = Vec::new();
    for jwt in &configuration.jwt {
        let pem = &jwt.issuer.certificate_authority;
        if !pem.is_empty() {
            component_base::serving::CaBundle::from_pem("oidc-authenticator", pem.as_bytes())
                .map_err(OptionError::new)?;
        }
        let keys = Arc::new(RemoteKeys::new(jwt.issuer.clone()));
        let early = keys.clone();
        tokio::spawn(async move {
            // What keeps it from answering is logged where it is asked.
            let _ = early.keys(false).await;
        });
        issuers.push(JwtIssuer::new(jwt.clone(), algorithms.to_vec(), keys));
    }
    Ok(issuers)
}

/// The issuer that the flags name, if they name one.
///
/// # Errors
/// Its authorities cannot be read.
pub(super) fn from_flags(options: &OidcOptions) -> Result<Option<JwtAuthenticator>, OptionError> {
    if options.issuer_url.is_empty() || options.client_id.is_empty() {
        return Ok(None);
    }
    let username_prefix = match options.username_prefix.as_str() {
        // Names of several issuers must not meet, unless they are addresses.
        "" if *options.username_claim != "email" => format!("{}#", *options.issuer_url),
        "-" => String::new(),
        prefix => prefix.to_owned(),
    };
    let certificate_authority = match options.ca_file.as_str() {
        "" => String::new(),
        path => std::fs::read_to_string(path).map_err(|error| OptionError(format!("open {path}: {error}")))?,
    };
    let groups = if options.groups_claim.is_empty() {
        PrefixedClaim::default()
    } else {
        PrefixedClaim {
            claim: options.groups_claim.to_string(),
            prefix: Some(options.groups_prefix.to_string()),
            ..PrefixedClaim::default()
        }
    };
    let required = options
        .required_claims
        .0
        .iter()
        .map(|(claim, value)| ClaimValidationRule {
            claim: claim.clone(),
            required_value: value.clone(),
            ..ClaimValidationRule::default()
        });
    Ok(Some(JwtAuthenticator {
        issuer: Issuer {
            url: options.issuer_url.to_string(),
            certificate_authority,
            audiences: vec![options.client_id.to_string()],
            ..Issuer::default()
        },
        claim_validation_rules: required.collect(),
        claim_mappings: ClaimMappings {
            username: PrefixedClaim {
                claim: options.username_claim.to_string(),
                prefix: Some(username_prefix),
                ..PrefixedClaim::default()
            },
            groups,
            ..ClaimMappings::default()
        },
        ..JwtAuthenticator::default()
    }))
}

/// The algorithms of these names.
///
/// # Errors
/// One is unknown.
pub(super) fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, OptionError> {
    names
        .iter()
        .map(|name| {
            Algorithm::from_name(name).ok_or_else(|| OptionError(format!("oidc: unsupported signing alg: {name:?}")))
        })
        .collect()
}
