//! Fills secrets of type `kubernetes.io/service-account-token`, and deletes those whose account is gone
//! (upstream: `pkg/controller/serviceaccount/tokens_controller.go`).
//!
//! It runs before every other controller and as the manager itself: without it the others may have no identity.

mod secrets;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apiserver_auth::jose::SigningKey;
use client_go::Client;
use client_go::cache::{Event, InformerOptions, Lister, SharedInformer};
use client_go::workqueue::Outcome;
use controller::{BuildError, Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{Secret, ServiceAccount};

/// The type of token secrets.
pub const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
/// Annotation of a token secret: its account's name.
pub const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
/// Annotation of a token secret: its account's UID.
pub const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
const BY_ACCOUNT: &str = "service-account";
/// After so many failures a key is given up until it changes.
const RETRIES: Retries = Retries::new("Failed to sync tokens, will retry").at_most(10, "retried several times");

/// An account as it was when something happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AccountKey {
    namespace: String,
    name: String,
    uid: String,
}

/// A secret as it was when something happened to it, and the account that it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SecretKey {
    namespace: String,
    name: String,
    uid: String,
    account: String,
    /// May be empty.
    account_uid: String,
}

impl SecretKey {
    fn of(secret: &Secret) -> Self {
        let annotation = |key: &str| secret.metadata.annotations.get(key).cloned().unwrap_or_default();
        Self {
            namespace: secret.metadata.namespace.clone(),
            name: secret.metadata.name.clone(),
            uid: secret.metadata.uid.clone(),
            account: annotation(ACCOUNT_NAME),
            account_uid: annotation(ACCOUNT_UID),
        }
    }
}

/// The informer for token secrets alone.
pub(crate) fn token_secrets(context: &ControllerContext) -> SharedInformer<Secret> {
    let options = InformerOptions {
        field_selector: format!("type={SECRET_TYPE}"),
        ..InformerOptions::default()
    };
    let everywhere = context.informers.client().all::<Secret>();
    context.informers.informer_with(everywhere, options)
}

struct Tokens {
    client: Client,
    key: SigningKey,
    root_ca: Option<Vec<u8>>,
    accounts: Lister<ServiceAccount>,
    secrets: Lister<Secret>,
}

/// Builds `serviceaccount-token-controller`; without `--service-account-private-key-file` there is none.
///
/// # Errors
/// The key or the CA bundle cannot be read.
pub async fn build(context: ControllerContext) -> Built {
    let config = &context.config.sa_controller;
    if config.service_account_key_file.is_empty() {
        tracing::info!("Controller is disabled because there is no private key");
        return Ok(None);
    }
    let key = signing_key(&config.service_account_key_file)?;
    let root_ca = if config.root_ca_file.is_empty() {
        let ca = &context.root_clients.config().tls.ca_data;
        (!ca.is_empty()).then(|| ca.clone())
    } else {
        let file = &config.root_ca_file;
        let bundle = crate::files::read_certificates(file);
        Some(
            bundle
                .map_err(|error| BuildError::Configuration(format!("error parsing root-ca-file at {file}: {error}")))?,
        )
    };
    let client = context.root_clients.named("tokens-controller");
    let accounts = context.informers.informer::<ServiceAccount>();
    let secrets = token_secrets(&context);
    secrets.add_index(BY_ACCOUNT, |secret| {
        let name = secret.metadata.annotations.get(ACCOUNT_NAME);
        name.map(|name| account_index(&secret.metadata.namespace, name))
            .into_iter()
            .collect()
    });
    let account_queue = context.queue::<AccountKey>("serviceaccount_tokens_service");
    let keys = account_queue.clone();
    accounts.add_handler(move |event: Event<ServiceAccount>| {
        let metadata = &event.object().metadata;
        keys.add(AccountKey {
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
        });
    });
    let secret_queue = context.queue::<SecretKey>("serviceaccount_tokens_secret");
    let keys = secret_queue.clone();
    secrets.add_handler(move |event: Event<Secret>| {
        let key = SecretKey::of(event.object());
        if !key.account.is_empty() {
            keys.add(key);
        }
    });
    let workers = usize::try_from(config.concurrent_token_syncs).unwrap_or(1);
    let caches = || CacheSync::new().and(&accounts).and(&secrets);
    let (account_caches, secret_caches) = (caches(), caches());
    let this = Arc::new(Tokens {
        client,
        key,
        root_ca,
        accounts: accounts.lister(),
        secrets: secrets.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let that = this.clone();
        let accounts = context.run(
            account_caches,
            account_queue,
            workers,
            RETRIES,
            stop.clone(),
            move |key: AccountKey| {
                let this = that.clone();
                async move { this.account(&key).await.map(|()| Outcome::Done) }
            },
        );
        let secrets = context.run(
            secret_caches,
            secret_queue,
            workers,
            RETRIES,
            stop.clone(),
            move |key: SecretKey| {
                let this = this.clone();
                async move { this.secret(&key).await.map(|()| Outcome::Done) }
            },
        );
        futures::future::join(accounts, secrets).await;
    })))
}

fn account_index(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

fn signing_key(file: &str) -> Result<SigningKey, BuildError> {
    let refused = |why: &dyn std::fmt::Display| {
        BuildError::Configuration(format!("error reading key for service account token controller: {why}"))
    };
    let contents = std::fs::read(file).map_err(|error| refused(&error))?;
    SigningKey::from_pem(&contents).map_err(|error| refused(&error))
}
