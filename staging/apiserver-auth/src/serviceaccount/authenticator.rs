//! Tokens of service accounts as credentials (upstream: `pkg/serviceaccount/jwt.go`, `claims.go`).
//!
//! **Invariant:** nothing of a token but its issuer is looked at before the signature was verified.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use k8s_api::{meta::v1::ObjectMeta, primitives::quote};
use serde::Deserialize;

use super::{Claims, Identity, LEGACY_ISSUER, NumericDate, Reference, ServiceAccountLookup, claims::LEEWAY};
use crate::{
    authentication::{AuthenticationError, Outcome, Response, TokenAuthenticator},
    jose::{PublicKey, Token},
};

/// Keys that may have signed tokens; replaced as a whole.
pub type Keys = Arc<ArcSwap<Vec<PublicKey>>>;

/// Recognizes the tokens that token requests issue.
pub struct ServiceAccountTokens {
    pub(super) verifier: Verifier,
    lookup: Arc<dyn ServiceAccountLookup>,
}

/// What all tokens of service accounts have in common: issuer, signature, audience.
pub(super) struct Verifier {
    pub(super) issuers: Vec<String>,
    pub(super) keys: Keys,
    pub(super) implicit: Vec<String>,
}

/// A token whose signature and audience hold.
pub(super) struct Verified {
    pub(super) claims: Claims,
    pub(super) audiences: Vec<String>,
    pub(super) annotations: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Issuer {
    #[serde(default)]
    iss: String,
}

fn quoted(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| quote(item)).collect();
    format!("[{}]", items.join(" "))
}

impl Verifier {
    /// `None` if the token is not of these issuers.
    pub(super) fn verify(&self, text: &str, audiences: &[String]) -> Result<Option<Verified>, AuthenticationError> {
        let Some(token) = Token::parse(text) else {
            return Ok(None);
        };
        match token.unverified_claims::<Issuer>() {
            Some(claims) if self.issuers.contains(&claims.iss) => {}
            _ => return Ok(None),
        }
        let keys = self.keys.load();
        let mut candidates = keys
            .iter()
            .filter(|key| token.key_id().is_empty() || key.id() == token.key_id())
            .peekable();
        if candidates.peek().is_none() {
            return Err(AuthenticationError::new("invalid signature, no keys found"));
        }
        if !candidates.any(|key| token.is_signed_by(key)) {
            return Err(AuthenticationError::new(
                "square/go-jose: error in cryptographic primitive",
            ));
        }
        let claims: Claims = token
            .unverified_claims()
            .ok_or_else(|| AuthenticationError::new("service account token claims could not be read"))?;
        let mut annotations = Vec::new();
        let meant_for = if claims.aud.is_empty() {
            annotations.push(("authentication.k8s.io/legacy-token".to_owned(), claims.sub.clone()));
            &self.implicit
        } else {
            &claims.aud
        };
        let requested = if audiences.is_empty() {
            &self.implicit
        } else {
            audiences
        };
        let shared: Vec<String> = meant_for
            .iter()
            .filter(|one| requested.contains(one))
            .cloned()
            .collect();
        if shared.is_empty() && !self.implicit.is_empty() {
            return Err(AuthenticationError::new(format!(
                "token audiences {} is invalid for the target audiences {}",
                quoted(meant_for),
                quoted(requested)
            )));
        }
        Ok(Some(Verified {
            claims,
            audiences: shared,
            annotations,
        }))
    }
}

const INVALIDATED: &str = "service account token has been invalidated";

/// Whether the object was deleted longer ago than clocks may be apart.
fn is_gone(metadata: &ObjectMeta, now: SystemTime) -> bool {
    let limit = now.checked_sub(LEEWAY).unwrap_or(UNIX_EPOCH);
    metadata
        .deletion_timestamp
        .is_some_and(|time| time.unix_seconds() < NumericDate::from(limit).0)
}

/// The object that a token is bound to, if it is still that one.
fn check_bound(
    what: &str,
    metadata: Option<&ObjectMeta>,
    reference: &Reference,
    now: SystemTime,
) -> Result<(), AuthenticationError> {
    let Some(metadata) = metadata else {
        return Err(AuthenticationError::new(INVALIDATED));
    };
    if metadata.uid != reference.uid {
        return Err(AuthenticationError::new(format!(
            "{what} UID ({}) does not match service account {} ref claim ({})",
            metadata.uid,
            what.to_lowercase(),
            reference.uid
        )));
    }
    if is_gone(metadata, now) {
        return Err(AuthenticationError::new(INVALIDATED));
    }
    Ok(())
}

impl ServiceAccountTokens {
    /// `implicit` are the API's own audiences.
    #[must_use]
    pub fn new(issuers: Vec<String>, keys: Keys, implicit: Vec<String>, lookup: Arc<dyn ServiceAccountLookup>) -> Self {
        let verifier = Verifier {
            issuers,
            keys,
            implicit,
        };
        Self { verifier, lookup }
    }

    async fn check_account(
        &self,
        namespace: &str,
        account: &Reference,
        now: SystemTime,
    ) -> Result<(), AuthenticationError> {
        let name = &account.name;
        let found = self
            .lookup
            .service_account(namespace, name)
            .await
            .map_err(|error| AuthenticationError::new(error.to_string()))?
            .ok_or_else(|| AuthenticationError::new(format!("serviceaccounts {} not found", quote(name))))?;
        if found.metadata.uid != account.uid {
            return Err(AuthenticationError::new(format!(
                "service account UID ({}) does not match claim ({})",
                found.metadata.uid, account.uid
            )));
        }
        if is_gone(&found.metadata, now) {
            return Err(AuthenticationError::new(format!(
                "service account {namespace}/{name} has been deleted"
            )));
        }
        Ok(())
    }

    async fn identify(&self, claims: &Claims, now: SystemTime) -> Result<Identity, AuthenticationError> {
        claims.check_times(now).map_err(AuthenticationError::new)?;
        let private = claims.kubernetes.clone().unwrap_or_default();
        let namespace = private.namespace;
        self.check_account(&namespace, &private.serviceaccount, now).await?;
        let unavailable = |_| AuthenticationError::new(INVALIDATED);
        if let Some(reference) = &private.secret {
            let found = self
                .lookup
                .secret(&namespace, &reference.name)
                .await
                .map_err(unavailable)?;
            check_bound(
                "secret",
                found.as_deref().map(|secret| &secret.metadata),
                reference,
                now,
            )?;
        }
        if let Some(reference) = &private.pod {
            let found = self
                .lookup
                .pod(&namespace, &reference.name)
                .await
                .map_err(unavailable)?;
            check_bound("pod", found.as_deref().map(|pod| &pod.metadata), reference, now)?;
        } else if let Some(reference) = &private.node {
            // The node of a pod's token is only a statement; a token bound to the node itself ends with it.
            let found = self.lookup.node(&reference.name).await.map_err(unavailable)?;
            check_bound("node", found.as_deref().map(|node| &node.metadata), reference, now)?;
        }
        let pair = |reference: Reference| (reference.name, reference.uid);
        Ok(Identity {
            namespace,
            name: private.serviceaccount.name,
            uid: private.serviceaccount.uid,
            pod: private.pod.map(pair),
            node: private.node.map(pair),
            token_id: claims.jti.clone(),
        })
    }
}

#[async_trait]
impl TokenAuthenticator for ServiceAccountTokens {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        let Some(mut verified) = self.verifier.verify(token, audiences)? else {
            return Ok(None);
        };
        let identity = self.identify(&verified.claims, now).await?;
        let warn_after = verified.claims.kubernetes.as_ref().and_then(|claims| claims.warnafter);
        if let Some(threshold) = warn_after.filter(|threshold| threshold.0 != 0) {
            let late = NumericDate::from(now).0 - threshold.0;
            if late > 0 {
                let text = format!(
                    "subject: {}, seconds after warning threshold: {late}",
                    verified.claims.sub
                );
                verified
                    .annotations
                    .push(("authentication.k8s.io/stale-token".to_owned(), text));
            }
        }
        Ok(Some(Arc::new(Response {
            user: Arc::new(identity.user()),
            audiences: verified.audiences,
            annotations: verified.annotations,
            ..Response::default()
        })))
    }
}

/// The verifier of tokens that live in secrets.
pub(super) fn legacy_verifier(keys: Keys, implicit: Vec<String>) -> Verifier {
    Verifier {
        issuers: vec![LEGACY_ISSUER.to_owned()],
        keys,
        implicit,
    }
}
