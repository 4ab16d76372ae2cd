//! What lets others verify the server's tokens: the issuer's metadata and its keys
//! (upstream: `pkg/serviceaccount/openidmetadata.go`).

use serde::Serialize;
use url::Url;

use crate::jose::{PublicKey, key_set_json};

/// Path of the issuer's metadata.
pub const OPENID_CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";
/// Path of the issuer's keys.
pub const JWKS_PATH: &str = "/openid/v1/jwks";

/// Why there is no discovery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No issuer is configured.
    #[error("empty issuer URL")]
    NoIssuer,
    /// Nothing says where the keys are.
    #[error("either the JWKS URI or the default external address, or both, must be set")]
    NoAddress,
    /// There are no keys.
    #[error("no keys provided for validating keyset")]
    NoKeys,
    /// The issuer is no URL that tokens can be discovered at.
    #[error("{0}")]
    Issuer(String),
    /// The place of the keys is no URL of use.
    #[error("{0}")]
    Jwks(String),
}

#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    jwks_uri: &'a str,
    response_types_supported: [&'a str; 1],
    subject_types_supported: [&'a str; 1],
    id_token_signing_alg_values_supported: Vec<&'a str>,
}

/// The two documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// At [`OPENID_CONFIGURATION_PATH`]; `application/json`.
    pub configuration: Vec<u8>,
    /// At [`JWKS_PATH`]; `application/jwk-set+json`.
    pub key_set: Vec<u8>,
}

impl Discovery {
    /// How long clients may keep the documents, for `Cache-Control: public, max-age=…`.
    pub const MAX_AGE_SECONDS: u32 = 3600;

    /// Makes the documents. `jwks_uri` may be empty; then the keys are said to be at `external_address`.
    ///
    /// # Errors
    /// The issuer is no `https` URL (such a server has no discovery), or the keys have no place.
    pub fn new(
        issuer: &str,
        jwks_uri: &str,
        external_address: &str,
        keys: &[PublicKey],
    ) -> Result<Self, DiscoveryError> {
        if issuer.is_empty() {
            return Err(DiscoveryError::NoIssuer);
        }
        if jwks_uri.is_empty() && external_address.is_empty() {
            return Err(DiscoveryError::NoAddress);
        }
        check_issuer(issuer)?;
        let jwks_uri = if jwks_uri.is_empty() {
            let text = format!("https://{external_address}{JWKS_PATH}");
            Url::parse(&text).map_err(|error| {
                DiscoveryError::Jwks(format!(
                    "attempted to build jwks_uri from external address {external_address}, but could not construct a \
                     valid URL. Error: {error}"
                ))
            })?;
            text
        } else {
            let url = Url::parse(jwks_uri).map_err(|error| DiscoveryError::Jwks(error.to_string()))?;
            if url.scheme() != "https" {
                return Err(DiscoveryError::Jwks(format!(
                    "jwksURI requires https scheme, parsed as: {url}"
                )));
            }
            jwks_uri.to_owned()
        };
        if keys.is_empty() {
            return Err(DiscoveryError::NoKeys);
        }
        let mut algorithms: Vec<&str> = keys.iter().map(|key| key.algorithm().as_str()).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let metadata = Metadata {
            issuer,
            jwks_uri: &jwks_uri,
            response_types_supported: ["id_token"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms,
        };
        Ok(Self {
            configuration: serde_json::to_vec(&metadata).expect("strings are JSON"),
            key_set: key_set_json(keys),
        })
    }
}

fn check_issuer(issuer: &str) -> Result<(), DiscoveryError> {
    let wrong = |what: &str| Err(DiscoveryError::Issuer(format!("issuer URL {what}, got: {issuer}")));
    let url = match Url::parse(issuer) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return wrong("must use https scheme"),
        Err(error) => return Err(DiscoveryError::Issuer(error.to_string())),
    };
    if url.scheme() != "https" {
        return wrong("must use https scheme");
    }
    if url.query().is_some_and(|query| !query.is_empty()) {
        return wrong("may not include a query");
    }
    if url.fragment().is_some_and(|fragment| !fragment.is_empty()) {
        return wrong("may not include a fragment");
    }
    Ok(())
}
