//! Workers: between a queue and a `reconcile(key)`.

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use client_go::api::ApiObject;
use client_go::cache::SharedInformer;
use client_go::workqueue::{Outcome, WorkQueue};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{ControllerContext, Retries};

/// The caches that must be filled before a controller acts on them.
#[derive(Default)]
pub struct CacheSync(Vec<BoxFuture<'static, bool>>);

impl CacheSync {
    /// Nothing to wait for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one.
    #[must_use]
    pub fn and<T: ApiObject>(mut self, informer: &SharedInformer<T>) -> Self {
        let informer = informer.clone();
        self.0.push(async move { informer.wait_synced().await }.boxed());
        self
    }

    /// Waits until all are filled; false if `stop` came first.
    pub async fn wait(self, stop: &CancellationToken) -> bool {
        tokio::select! {
            synced = join_all(self.0) => synced.into_iter().all(|synced| synced),
            () = stop.cancelled() => false,
        }
    }
}

impl ControllerContext {
    /// Waits for the caches, then reconciles the queue's keys with so many workers until `stop`; what is under way is
    /// finished. A key whose reconcile fails or panics comes again after a pause that grows with its failures; `retries`
    /// may bound how often.
    pub async fn run<K, E, R>(
        &self,
        caches: CacheSync,
        queue: WorkQueue<K>,
        workers: usize,
        retries: Retries,
        stop: CancellationToken,
        reconcile: impl Fn(K) -> R + Send + Sync + 'static,
    ) where
        K: Clone + Eq + Hash + Send + Sync + fmt::Debug + 'static,
        E: fmt::Display,
        R: Future<Output = Result<Outcome, E>> + Send + 'static,
    {
        tracing::info!(controller = self.name, "Starting controller");
        if caches.wait(&stop).await {
            self.run_workers(queue, workers, retries, stop, reconcile).await;
        }
        tracing::info!(controller = self.name, "Shutting down controller");
    }

    /// [`ControllerContext::run`] without waiting for caches.
    pub async fn run_workers<K, E, R>(
        &self,
        queue: WorkQueue<K>,
        workers: usize,
        retries: Retries,
        stop: CancellationToken,
        reconcile: impl Fn(K) -> R + Send + Sync + 'static,
    ) where
        K: Clone + Eq + Hash + Send + Sync + fmt::Debug + 'static,
        E: fmt::Display,
        R: Future<Output = Result<Outcome, E>> + Send + 'static,
    {
        let reconcile = Arc::new(reconcile);
        let mut tasks = JoinSet::new();
        for _ in 0..workers.max(1) {
            let (context, queue, stop, reconcile) = (self.clone(), queue.clone(), stop.clone(), reconcile.clone());
            tasks.spawn(async move {
                while let Some(key) = queue.get().await {
                    let outcome = AssertUnwindSafe(async { reconcile(key.clone()).await })
                        .catch_unwind()
                        .await;
                    context.settle(&queue, &key, retries, outcome);
                    queue.done(&key);
                    if stop.is_cancelled() {
                        return;
                    }
                }
            });
        }
        stop.cancelled().await;
        queue.shut_down();
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(controller = self.name, %error, "a worker ended early");
            }
        }
    }

    fn settle<K, E>(
        &self,
        queue: &WorkQueue<K>,
        key: &K,
        retries: Retries,
        outcome: Result<Result<Outcome, E>, Box<dyn Any + Send>>,
    ) where
        K: Clone + Eq + Hash + Send + Sync + fmt::Debug + 'static,
        E: fmt::Display,
    {
        let controller = self.name;
        match outcome {
            Ok(Ok(Outcome::Done)) => queue.forget(key),
            Ok(Ok(Outcome::RequeueAfter(delay))) => {
                queue.forget(key);
                queue.add_after(key.clone(), delay);
            }
            Ok(Err(error)) if retries.exhausted(queue.num_requeues(key)) => {
                retries.tell_dropped(controller, key, &error);
                queue.forget(key);
            }
            Ok(Err(error)) => {
                retries.tell_failed(controller, key, &error);
                queue.add_rate_limited(key.clone());
            }
            Err(panic) => {
                self.panics.with(&[controller]).inc();
                let message = panic
                    .downcast_ref::<&str>()
                    .copied()
                    .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
                    .unwrap_or("no message");
                tracing::error!(controller, ?key, message, "Observed a panic, will retry");
                queue.add_rate_limited(key.clone());
            }
        }
    }
}
