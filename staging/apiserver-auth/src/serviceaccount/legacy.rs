//! Tokens that live in secrets and never expire (upstream: `pkg/serviceaccount/legacy.go`).

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use k8s_api::core::v1::{Secret, ServiceAccount};

use super::{
    Claims, Identity, ServiceAccountLookup,
    authenticator::{Keys, Verifier, legacy_verifier},
    split_username,
};
use crate::authentication::{AuthenticationError, Outcome, Response, TokenAuthenticator, secret_eq};

/// Label of secrets whose token is no longer accepted.
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";
/// Label with the day on which a secret's token was last used.
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";

const AUTO_GENERATED_WARNING: &str = "Use tokens from the TokenRequest API or manually created secret-based tokens \
                                      instead of auto-generated secret-based tokens.";

/// Notes on a secret that its token was used today.
pub trait LastUse: Send + Sync {
    /// Sets the label `key` of the secret to `day`; must not block.
    fn note(&self, secret: &Arc<Secret>, key: &'static str, day: String);
}

/// Recognizes the tokens that live in secrets.
pub struct LegacyTokens {
    verifier: Verifier,
    lookup: Option<Arc<dyn ServiceAccountLookup>>,
    last_use: Option<Arc<dyn LastUse>>,
}

fn error(text: impl Into<String>) -> AuthenticationError {
    AuthenticationError::new(text)
}

fn check_claims(claims: &Claims) -> Result<(), AuthenticationError> {
    for (name, value) in [
        ("sub", &claims.sub),
        ("namespace", &claims.legacy_namespace),
        ("secretName", &claims.legacy_secret),
        ("serviceAccountName", &claims.legacy_name),
        ("serviceAccountUID", &claims.legacy_uid),
    ] {
        if value.is_empty() {
            return Err(error(format!("{name} claim is missing")));
        }
    }
    if split_username(&claims.sub) != Some((&claims.legacy_namespace, &claims.legacy_name)) {
        return Err(error("sub claim is invalid"));
    }
    Ok(())
}

fn check_account(claims: &Claims, account: &ServiceAccount) -> Result<(), AuthenticationError> {
    if account.metadata.deletion_timestamp.is_some() {
        return Err(error(format!(
            "ServiceAccount {}/{} has been deleted",
            claims.legacy_namespace, claims.legacy_name
        )));
    }
    if account.metadata.uid != claims.legacy_uid {
        return Err(error(format!(
            "ServiceAccount UID ({}) does not match claim ({})",
            account.metadata.uid, claims.legacy_uid
        )));
    }
    Ok(())
}

impl LegacyTokens {
    /// Without a look-up the signature alone counts (`--service-account-lookup=false`). `implicit` are the API's own
    /// audiences.
    #[must_use]
    pub fn new(
        keys: Keys,
        implicit: Vec<String>,
        lookup: Option<Arc<dyn ServiceAccountLookup>>,
        last_use: Option<Arc<dyn LastUse>>,
    ) -> Self {
        Self {
            verifier: legacy_verifier(keys, implicit),
            lookup,
            last_use,
        }
    }

    fn note_use(&self, secret: &Arc<Secret>, now: SystemTime) {
        let Some(last_use) = &self.last_use else { return };
        let Ok(now) = jiff::Timestamp::try_from(now) else {
            return;
        };
        let day = |time: jiff::Timestamp| time.strftime("%Y-%m-%d").to_string();
        let today = day(now);
        // Another server's clock may already be past midnight.
        let tomorrow = day(now + jiff::SignedDuration::from_hours(24));
        let noted = secret.metadata.labels.get(LAST_USED);
        if noted != Some(&today) && noted != Some(&tomorrow) {
            last_use.note(secret, LAST_USED, today);
        }
    }

    async fn check(
        &self,
        lookup: &dyn ServiceAccountLookup,
        token: &str,
        claims: &Claims,
        response: &mut Response,
        now: SystemTime,
    ) -> Result<(), AuthenticationError> {
        let (namespace, name, secret_name) = (&claims.legacy_namespace, &claims.legacy_name, &claims.legacy_secret);
        let secret = lookup
            .secret(namespace, secret_name)
            .await
            .ok()
            .flatten()
            .filter(|secret| secret.metadata.deletion_timestamp.is_none())
            .ok_or_else(|| error("Token has been invalidated"))?;
        let known: &[u8] = secret.data.get("token").map_or(&[], |bytes| bytes.as_ref());
        if !secret_eq(known, token.as_bytes()) {
            return Err(error("Token does not match server's copy"));
        }
        let account = lookup
            .service_account(namespace, name)
            .await
            .map_err(|status| error(status.to_string()))?
            .ok_or_else(|| error(format!("serviceaccounts {name:?} not found")))?;
        check_account(claims, &account)?;
        if secret
            .metadata
            .labels
            .get(INVALID_SINCE)
            .is_some_and(|since| !since.is_empty())
        {
            self.note_use(&secret, now);
            return Err(error(format!(
                "the token in secret {namespace}/{secret_name} for service account {namespace}/{name} has been marked \
                 invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the \
                 '{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            ))
            .annotated(
                "authentication.k8s.io/legacy-token-invalidated",
                format!("{secret_name}/{namespace}"),
            ));
        }
        let kind = if account.secrets.iter().any(|reference| &reference.name == secret_name) {
            response.warnings.push(AUTO_GENERATED_WARNING.to_owned());
            "authentication.k8s.io/legacy-token-autogenerated-secret"
        } else {
            "authentication.k8s.io/legacy-token-manual-secret"
        };
        response.annotations.push((kind.to_owned(), secret_name.clone()));
        self.note_use(&secret, now);
        Ok(())
    }
}

#[async_trait]
impl TokenAuthenticator for LegacyTokens {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        let Some(verified) = self.verifier.verify(token, audiences)? else {
            return Ok(None);
        };
        let claims = verified.claims;
        check_claims(&claims)?;
        let mut response = Response {
            audiences: verified.audiences,
            annotations: verified.annotations,
            ..Response::default()
        };
        if let Some(lookup) = &self.lookup {
            self.check(&**lookup, token, &claims, &mut response, now).await?;
        }
        let identity = Identity {
            namespace: claims.legacy_namespace,
            name: claims.legacy_name,
            uid: claims.legacy_uid,
            ..Identity::default()
        };
        response.user = identity.user().into();
        Ok(Some(response.into()))
    }
}
