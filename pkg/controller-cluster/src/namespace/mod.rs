//! Ends namespaces: deletes what is in them, tells on their status what remains, and lets them go
//! (upstream: `pkg/controller/namespace`).

mod conditions;
mod deleter;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::{Bucket, ItemExponentialFailure, MaxOf, Outcome, WorkQueue};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::Namespace;

use deleter::{Deleter, Progress};

/// How long after a namespace's deletion its contents are left alone: other API servers must have seen it, so that nothing
/// is created any more.
const GRACE_PERIOD: Duration = Duration::from_secs(5);
/// Twenty and a hundred times a controller's usual limits: many small requests are what it does.
const QPS_FACTOR: f32 = 20.0;
const BURST_FACTOR: u32 = 100;

/// Retries come faster than other controllers', and at least every minute.
fn limiter() -> MaxOf<ObjectKey> {
    let item = ItemExponentialFailure::new(Duration::from_millis(5), Duration::from_secs(60));
    MaxOf(vec![Box::new(item), Box::new(Bucket::new(10.0, 100))])
}

/// Builds `namespace-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context
        .client_scaled("namespace-controller", QPS_FACTOR, BURST_FACTOR)
        .await?;
    let namespaces = context.informers.informer::<Namespace>();
    let queue = WorkQueue::with_limiter("namespace", Some(&context.queue_metrics), limiter());
    let keys = queue.clone();
    let feed = move |event: Event<Namespace>| {
        let namespace = event.object();
        if !matches!(event, Event::Deleted { .. }) && namespace.metadata.deletion_timestamp.is_some() {
            keys.add_after(ObjectKey::of(&**namespace), GRACE_PERIOD);
        }
    };
    let config = &context.config.namespace_controller;
    namespaces.add_handler_with_resync(feed, Some(config.sync_period.to_std()));
    let workers = usize::try_from(config.concurrent_syncs).unwrap_or(1);
    let caches = CacheSync::new().and(&namespaces);
    let this = Arc::new(Terminator {
        namespaces: namespaces.lister(),
        deleter: Deleter::new(client),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(
                caches,
                queue,
                workers,
                Retries::new("Deletion of namespace failed"),
                stop,
                reconcile,
            )
            .await;
    })))
}

struct Terminator {
    namespaces: Lister<Namespace>,
    deleter: Deleter,
}

impl Terminator {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, deleter::DeleteError> {
        let Some(namespace) = self.namespaces.get_key(key) else {
            return Ok(Outcome::Done);
        };
        match self.deleter.delete(&namespace.metadata.name).await? {
            Progress::Done => Ok(Outcome::Done),
            Progress::Remaining { seconds } => {
                let wait = seconds / 2 + 1;
                tracing::debug!(%key, wait, "Content remaining in namespace");
                Ok(Outcome::RequeueAfter(Duration::from_secs(wait)))
            }
        }
    }
}
