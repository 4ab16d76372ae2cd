//! Bootstrap tokens: `id.secret`, kept in secrets of `kube-system`
//! (upstream: `plugin/pkg/auth/authenticator/token/bootstrap`).

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use k8s_api::core::v1::Secret;

use super::{AuthenticationError, Outcome, Response, TokenAuthenticator, secret_eq};
use crate::user::UserInfo;

/// Finds a bootstrap token's secret.
#[async_trait]
pub trait BootstrapSecrets: Send + Sync {
    /// The secret of this name in `kube-system`.
    ///
    /// # Errors
    /// It cannot be looked up.
    async fn get(&self, name: &str) -> Result<Option<Arc<Secret>>, String>;
}

/// Makes bootstrap tokens users of `system:bootstrappers`.
pub struct BootstrapTokens {
    secrets: Arc<dyn BootstrapSecrets>,
}

const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const DEFAULT_GROUP: &str = "system:bootstrappers";

fn is_part(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Takes `id.secret` apart.
fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    (is_part(id, 6) && is_part(secret, 16)).then_some((id, secret))
}

/// Whether the name is one that a bootstrap token may bring along: `system:bootstrappers:` and at most 64
/// characters of letters, digits, colon and hyphen, the last no hyphen or colon.
fn is_bootstrap_group(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("system:bootstrappers:") else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    rest.len() <= 256
        && rest.bytes().all(|b| plain(b) || matches!(b, b':' | b'-'))
        && rest.bytes().last().is_some_and(plain)
}

fn text<'a>(secret: &'a Secret, key: &str) -> &'a [u8] {
    secret.data.get(key).map_or(&[], |bytes| bytes.as_ref())
}

fn expired(secret: &Secret, now: SystemTime) -> bool {
    let expiration = text(secret, "expiration");
    if expiration.is_empty() {
        return false;
    }
    let parsed = std::str::from_utf8(expiration)
        .ok()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    // A time that cannot be read has passed.
    parsed.is_none_or(|time| SystemTime::from(time) <= now)
}

fn groups(secret: &Secret) -> Result<Vec<String>, String> {
    let mut groups = BTreeSet::from([DEFAULT_GROUP.to_owned()]);
    let extra = String::from_utf8_lossy(text(secret, "auth-extra-groups"));
    for group in extra.split(',').filter(|_| !extra.is_empty()) {
        if !is_bootstrap_group(group) {
            return Err(format!(
                "bootstrap group {} is invalid (must match \\Asystem:bootstrappers:[a-z0-9:-]{{0,255}}[a-z0-9]\\z)",
                k8s_api::primitives::quote(group)
            ));
        }
        groups.insert(group.to_owned());
    }
    Ok(groups.into_iter().collect())
}

/// The user, or why the secret does not stand for the token.
fn check(secret: &Secret, id: &str, given: &str, now: SystemTime) -> Result<UserInfo, String> {
    if secret.metadata.deletion_timestamp.is_some() {
        return Err("is deleted and awaiting removal".to_owned());
    }
    if secret.type_ != SECRET_TYPE {
        return Err(format!("has invalid type, expected {SECRET_TYPE}."));
    }
    if !secret_eq(text(secret, "token-secret"), given.as_bytes()) {
        return Err("has invalid value for key token-secret.".to_owned());
    }
    if text(secret, "token-id") != id.as_bytes() {
        return Err("has invalid value for key token-id.".to_owned());
    }
    if expired(secret, now) {
        return Err("has expired.".to_owned());
    }
    if text(secret, "usage-bootstrap-authentication") != b"true" {
        return Err("not marked usage-bootstrap-authentication=true.".to_owned());
    }
    let groups = groups(secret).map_err(|error| format!("has invalid value for key auth-extra-groups: {error}."))?;
    Ok(UserInfo::named(format!("system:bootstrap:{id}")).with_groups(groups))
}

impl BootstrapTokens {
    /// Secrets are looked up in `secrets`.
    #[must_use]
    pub fn new(secrets: Arc<dyn BootstrapSecrets>) -> Self {
        Self { secrets }
    }
}

#[async_trait]
impl TokenAuthenticator for BootstrapTokens {
    async fn authenticate_token(&self, token: &str, _audiences: &[String], now: SystemTime) -> Outcome {
        let Some((id, given)) = parse(token) else {
            return Ok(None);
        };
        let name = format!("bootstrap-token-{id}");
        let Some(secret) = self.secrets.get(&name).await.map_err(AuthenticationError::new)? else {
            tracing::debug!("No secret of name {name} to match bootstrap bearer token");
            return Ok(None);
        };
        match check(&secret, id, given, now) {
            Ok(user) => Ok(Some(Response::of(user))),
            Err(reason) => {
                tracing::debug!("Bootstrap secret kube-system/{name} matching bearer token {reason}");
                Ok(None)
            }
        }
    }
}
