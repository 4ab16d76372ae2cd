//! Tokens of foreign issuers: OpenID Connect (upstream: `plugin/pkg/authenticator/token/oidc`).

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use k8s_api::primitives::quote;
use serde_json::{Map, Value};

use super::{AuthenticationError, Outcome, Response, TokenAuthenticator, config::JwtAuthenticator};
use crate::{
    jose::{Algorithm, PublicKey, Token},
    user::{UserInfo, names},
};

/// The keys of an issuer.
#[async_trait]
pub trait IssuerKeys: Send + Sync {
    /// The issuer's keys. `refresh` says that a token was signed by none of the known ones: an implementation
    /// asks the issuer again, but not more often than it thinks right.
    ///
    /// # Errors
    /// There are none yet.
    async fn keys(&self, refresh: bool) -> Result<Arc<Vec<PublicKey>>, String>;
}

/// Recognizes one issuer's tokens.
pub struct JwtIssuer {
    configuration: JwtAuthenticator,
    algorithms: Vec<Algorithm>,
    keys: Arc<dyn IssuerKeys>,
}

type Claims = Map<String, Value>;

fn error(text: impl std::fmt::Display) -> AuthenticationError {
    AuthenticationError::new(format!("oidc: {text}"))
}

fn text<'a>(claims: &'a Claims, claim: &str) -> Result<&'a str, String> {
    match claims.get(claim) {
        None => Err("claim not present".to_owned()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err("claim is not a string".to_owned()),
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

impl JwtIssuer {
    /// `algorithms` are those that tokens may be signed with; `RS256` alone is the default of `--oidc-signing-algs`.
    #[must_use]
    pub fn new(configuration: JwtAuthenticator, algorithms: Vec<Algorithm>, keys: Arc<dyn IssuerKeys>) -> Self {
        Self {
            configuration,
            algorithms,
            keys,
        }
    }

    async fn is_signed(&self, token: &Token<'_>) -> Result<bool, AuthenticationError> {
        if !token
            .algorithm()
            .is_some_and(|algorithm| self.algorithms.contains(&algorithm))
        {
            return Err(error("verify token: oidc: id token signed with unsupported algorithm"));
        }
        for refresh in [false, true] {
            let keys = self
                .keys
                .keys(refresh)
                .await
                .map_err(|_| error("authenticator not initialized"))?;
            let fits = |key: &&PublicKey| token.key_id().is_empty() || key.id() == token.key_id();
            if keys.iter().filter(fits).any(|key| token.is_signed_by(key)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_standard(&self, claims: &Claims, now: SystemTime) -> Result<(), AuthenticationError> {
        let audiences = claims.get("aud").and_then(strings).unwrap_or_default();
        let expected = &self.configuration.issuer.audiences;
        if !audiences.iter().any(|audience| expected.contains(audience)) {
            let list = |items: &[String]| items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(" ");
            return Err(error(format_args!(
                "verify token: oidc: expected audience in [{}] got [{}]",
                list(expected),
                list(&audiences)
            )));
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let time = |claim: &str| claims.get(claim).and_then(Value::as_f64);
        if time("exp").is_none_or(|exp| exp < now) {
            return Err(error("verify token: oidc: token is expired"));
        }
        // Five minutes: what upstream's verifier grants to clocks.
        if time("nbf").is_some_and(|nbf| now + 300.0 < nbf) {
            return Err(error(
                "verify token: oidc: current time before the nbf (not before) time",
            ));
        }
        Ok(())
    }

    fn user(&self, claims: &Claims) -> Result<UserInfo, AuthenticationError> {
        let mappings = &self.configuration.claim_mappings;
        let claim = &mappings.username.claim;
        let name = text(claims, claim)
            .map_err(|reason| error(format_args!("parse username claims {}: {reason}", quote(claim))))?;
        if claim == "email" {
            match claims.get("email_verified") {
                None | Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => return Err(error("email not verified")),
                Some(_) => return Err(error("parse 'email_verified' claim: claim is not a boolean")),
            }
        }
        let prefix = |prefix: &Option<String>| prefix.clone().unwrap_or_default();
        let mut user = UserInfo::named(prefix(&mappings.username.prefix) + name);
        let claim = &mappings.groups.claim;
        if let Some(value) = claims.get(claim).filter(|_| !claim.is_empty()) {
            let groups = strings(value).ok_or_else(|| {
                error(format_args!(
                    "parse groups claim {}: not a string or list",
                    quote(claim)
                ))
            })?;
            let prefix = prefix(&mappings.groups.prefix);
            user.groups = groups.into_iter().map(|group| format!("{prefix}{group}")).collect();
        }
        let claim = &mappings.uid.claim;
        if !claim.is_empty() {
            let uid = text(claims, claim)
                .map_err(|reason| error(format_args!("parse uid claim {}: {reason}", quote(claim))))?;
            uid.clone_into(&mut user.uid);
        }
        if let Some(id) = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty()) {
            user.extra
                .insert(names::CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        Ok(user)
    }

    fn check_required(&self, claims: &Claims) -> Result<(), AuthenticationError> {
        for rule in &self.configuration.claim_validation_rules {
            let claim = &rule.claim;
            if !claims.contains_key(claim) {
                return Err(error(format_args!("required claim {claim} not present in ID token")));
            }
            let value = text(claims, claim).map_err(|reason| error(format_args!("parse claim {claim}: {reason}")))?;
            if value != rule.required_value {
                return Err(error(format_args!(
                    "required claim {claim} value does not match. Got = {value}, want = {}",
                    rule.required_value
                )));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl TokenAuthenticator for JwtIssuer {
    async fn authenticate_token(&self, text: &str, _audiences: &[String], now: SystemTime) -> Outcome {
        let Some(token) = Token::parse(text) else {
            return Ok(None);
        };
        let Some(claims) = token.unverified_claims::<Claims>() else {
            return Ok(None);
        };
        if claims.get("iss").and_then(Value::as_str) != Some(&self.configuration.issuer.url) {
            return Ok(None);
        }
        if !self.is_signed(&token).await? {
            return Err(error(
                "verify token: failed to verify signature: failed to verify id token signature",
            ));
        }
        self.check_standard(&claims, now)?;
        let user = self.user(&claims)?;
        self.check_required(&claims)?;
        Ok(Some(Response::of(user)))
    }
}

/// The issuers of the present configuration, replaced as a whole when the file changes.
#[derive(Default)]
pub struct JwtIssuers(ArcSwap<Vec<JwtIssuer>>);

impl JwtIssuers {
    /// Takes the place of all issuers so far.
    pub fn replace(&self, issuers: Vec<JwtIssuer>) {
        self.0.store(Arc::new(issuers));
    }
}

#[async_trait]
impl TokenAuthenticator for JwtIssuers {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        for issuer in self.0.load_full().iter() {
            if let Some(response) = issuer.authenticate_token(token, audiences, now).await? {
                return Ok(Some(response));
            }
        }
        Ok(None)
    }
}
