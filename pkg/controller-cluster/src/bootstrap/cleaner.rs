//! Deletes bootstrap tokens whose time is over (upstream: `tokencleaner.go`).

use std::sync::Arc;

use client_go::api::DeleteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::core::v1::Secret;

use super::{Life, life, token_secrets};

struct Cleaner {
    client: Client,
    clock: Clock,
    secrets: Lister<Secret>,
}

/// Builds `token-cleaner-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("token-cleaner").await?;
    let secrets = token_secrets(&context);
    let queue = context.queue::<ObjectKey>("token_cleaner");
    let keys = queue.clone();
    secrets.add_handler(move |event: Event<Secret>| {
        if !matches!(event, Event::Deleted { .. }) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new().and(&secrets);
    let this = Arc::new(Cleaner {
        client,
        clock: context.clock.clone(),
        secrets: secrets.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(caches, queue, 1, Retries::new("Sync failed"), stop, reconcile)
            .await;
    })))
}

impl Cleaner {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(secret) = self.secrets.get_key(key) else {
            return Ok(Outcome::Done);
        };
        match life(&secret, self.clock.now()) {
            Life::Endless => Ok(Outcome::Done),
            Life::Left(left) => Ok(Outcome::RequeueAfter(left)),
            Life::Over => {
                let options = DeleteOptions::uid(secret.metadata.uid.clone());
                let api = self.client.namespaced::<Secret>(key.namespace());
                match api.delete(key.name(), &options).await {
                    Err(error) if !error.is_conflict() && !error.is_not_found() => Err(error),
                    _ => Ok(Outcome::Done),
                }
            }
        }
    }
}
