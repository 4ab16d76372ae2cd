//! Workers: the loop between a queue and a reconcile function.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::WorkQueue;
use super::queue::Key;

/// What a reconcile asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more until something changes.
    Done,
    /// Once more after this time.
    RequeueAfter(Duration),
}

/// Runs `workers` loops until `stop`: each takes a key, reconciles it and, on an error or a panic, adds it again after the
/// pause that its failures call for. At the end the queue takes no more keys and the present ones are finished.
pub async fn run_workers<K, E>(
    queue: WorkQueue<K>,
    workers: usize,
    stop: CancellationToken,
    reconcile: impl AsyncReconcile<K, E>,
) where
    K: Key + fmt::Debug,
    E: fmt::Display,
{
    let work = async || {
        while let Some(key) = queue.get().await {
            match AssertUnwindSafe(reconcile.reconcile(key.clone())).catch_unwind().await {
                Ok(Ok(Outcome::Done)) => queue.forget(&key),
                Ok(Ok(Outcome::RequeueAfter(delay))) => {
                    queue.forget(&key);
                    queue.add_after(key.clone(), delay);
                }
                Ok(Err(error)) => {
                    tracing::error!(?key, %error, "reconciling failed, will retry");
                    queue.add_rate_limited(key.clone());
                }
                Err(_panic) => {
                    tracing::error!(?key, "reconciling panicked, will retry");
                    queue.add_rate_limited(key.clone());
                }
            }
            queue.done(&key);
            if stop.is_cancelled() {
                return;
            }
        }
    };
    let closing = async {
        stop.cancelled().await;
        queue.shut_down();
    };
    let all = futures::future::join_all((0..workers).map(|_| work()));
    futures::future::join(all, closing).await;
}

/// A reconcile function: `Fn(K) -> impl Future<Output = Result<Outcome, E>>`.
pub trait AsyncReconcile<K, E> {
    /// Reconciles what the key names.
    fn reconcile(&self, key: K) -> impl Future<Output = Result<Outcome, E>> + Send;
}

impl<K, E, F, R> AsyncReconcile<K, E> for F
where
    F: Fn(K) -> R,
    R: Future<Output = Result<Outcome, E>> + Send,
{
    fn reconcile(&self, key: K) -> impl Future<Output = Result<Outcome, E>> + Send {
        self(key)
    }
}
