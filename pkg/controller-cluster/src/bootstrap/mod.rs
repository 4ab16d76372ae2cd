//! Bootstrap tokens: `cluster-info` is signed with them ([`signer`]), and they end when their time has come ([`cleaner`]).
//! Both are off unless named; kubeadm names them (upstream: `pkg/controller/bootstrap`).

pub mod cleaner;
pub mod signer;
#[cfg(test)]
mod tests;

use std::time::Duration;

use client_go::cache::{InformerOptions, SharedInformer};
use controller::ControllerContext;
use k8s_api::core::v1::Secret;
use k8s_api::primitives::Time;

const NAMESPACE: &str = "kube-system";
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const SECRET_PREFIX: &str = "bootstrap-token-";

/// The informer for the secrets of bootstrap tokens alone.
fn token_secrets(context: &ControllerContext) -> SharedInformer<Secret> {
    let options = InformerOptions {
        field_selector: format!("type={SECRET_TYPE}"),
        ..InformerOptions::default()
    };
    let api = context.informers.client().namespaced::<Secret>(NAMESPACE);
    context.informers.informer_with(api, options)
}

/// A value of a secret; empty if it has none.
fn text<'s>(secret: &'s Secret, key: &str) -> &'s str {
    secret
        .data
        .get(key)
        .and_then(|bytes| std::str::from_utf8(bytes.as_ref()).ok())
        .unwrap_or_default()
}

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// For ever.
    Endless,
    /// It is over, or nobody can tell when it will be.
    Over,
    /// For so long still.
    Left(Duration),
}

fn life(secret: &Secret, now: Time) -> Life {
    let expiration = text(secret, "expiration");
    if expiration.is_empty() {
        return Life::Endless;
    }
    match expiration.parse::<Time>() {
        Ok(expiration) if expiration > now => Life::Left(expiration.since(now)),
        _ => Life::Over,
    }
}

/// Identifier and secret of a token that may sign `cluster-info`.
fn signing_token(secret: &Secret, now: Time) -> Option<(&str, &str)> {
    let id = secret.metadata.name.strip_prefix(SECRET_PREFIX)?;
    let well_formed = id.len() == 6 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let token = text(secret, "token-secret");
    let usable = well_formed
        && text(secret, "token-id") == id
        && !token.is_empty()
        && life(secret, now) != Life::Over
        && text(secret, "usage-bootstrap-signing") == "true";
    usable.then_some((id, token))
}
