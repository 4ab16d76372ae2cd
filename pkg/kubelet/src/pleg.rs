//! What happens in the runtime: its own events where it sends them, and the difference of two lists otherwise.
//!
//! Listing goes on beside events, seldom, since an event can be lost. Upstream counterpart: the generic and evented PLEG.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kubelet_runtime::labels::POD_UID;
use kubelet_runtime::{KubeRuntime, RuntimePod};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the runtime is listed when it sends no events.
pub const RELIST_PERIOD: Duration = Duration::from_secs(1);
/// How often it is listed when it does.
pub const EVENTED_RELIST_PERIOD: Duration = Duration::from_secs(300);
/// The runtime counts as gone when no list came back for so long.
pub const RELIST_THRESHOLD: Duration = Duration::from_secs(180);
/// How long to wait before asking for events again.
const RESUBSCRIBE: Duration = Duration::from_secs(30);

/// Watches the runtime.
pub struct Pleg {
    runtime: Arc<KubeRuntime>,
    pods: Mutex<BTreeMap<String, RuntimePod>>,
    relisted: Mutex<Instant>,
}

impl Pleg {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(runtime: Arc<KubeRuntime>) -> Self {
        Self {
            runtime,
            pods: Mutex::default(),
            relisted: Mutex::new(Instant::now()),
        }
    }

    /// The runtime's pods as of the latest list.
    #[must_use]
    pub fn pods(&self) -> BTreeMap<String, RuntimePod> {
        self.pods.lock().clone()
    }

    /// Whether lists come back.
    ///
    /// # Errors
    /// With the time since the last one.
    pub fn healthy(&self) -> Result<(), String> {
        let since = self.relisted.lock().elapsed();
        if since > RELIST_THRESHOLD {
            let (since, threshold) = (since.as_secs(), RELIST_THRESHOLD.as_secs());
            return Err(format!(
                "pleg was last seen active {since}s ago; threshold is {threshold}s"
            ));
        }
        Ok(())
    }

    /// Lists the runtime; returns the uids of the pods of which something changed.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn relist(&self) -> cri_client::Result<BTreeSet<String>> {
        let now = self.runtime.list_pods().await?;
        *self.relisted.lock() = Instant::now();
        let before = std::mem::replace(&mut *self.pods.lock(), now.clone());
        let changed = now
            .iter()
            .filter(|(uid, pod)| before.get(*uid) != Some(*pod))
            .map(|(uid, _)| uid.clone());
        let gone = before.keys().filter(|uid| !now.contains_key(*uid)).cloned();
        Ok(changed.chain(gone).collect())
    }

    /// Calls `wake` with the uid of every pod that something happened to, until cancelled.
    pub async fn run(&self, wake: impl Fn(&str) + Send + Sync, cancel: CancellationToken) {
        let work = async {
            loop {
                let streamed = match self.runtime.services().runtime.container_events().await {
                    Ok(events) => self.follow(events, &wake).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = streamed {
                    tracing::debug!(%error, "no container events, listing instead");
                }
                // Events that the runtime does not know now it may know after it was restarted.
                self.poll_for(RESUBSCRIBE, &wake).await;
            }
        };
        // Cancellation is the only end.
        let _: Option<()> = cancel.run_until_cancelled(work).await;
    }

    /// Follows events until the stream ends.
    async fn follow(
        &self,
        mut events: cri_client::EventStream,
        wake: &(impl Fn(&str) + Send + Sync),
    ) -> cri_client::Result<()> {
        // A runtime without events says so only here, and until it said anything lists have to do.
        let mut period = RELIST_PERIOD;
        let mut next = Instant::now();
        loop {
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return Ok(()) };
                    let event = event?;
                    period = EVENTED_RELIST_PERIOD;
                    let uid = event.pod_sandbox_status.and_then(|sandbox| sandbox.metadata).map(|metadata| metadata.uid);
                    let of_container = || event.containers_statuses.iter().find_map(|it| it.labels.get(POD_UID).cloned());
                    match uid.or_else(of_container) {
                        Some(uid) => wake(&uid),
                        None => next = Instant::now(),
                    }
                }
                () = tokio::time::sleep_until(next) => {
                    self.relist_and_wake(wake).await;
                    next = Instant::now() + period;
                }
            }
        }
    }

    async fn poll_for(&self, time: Duration, wake: &(impl Fn(&str) + Send + Sync)) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.relist_and_wake(wake).await;
            tokio::time::sleep(RELIST_PERIOD).await;
        }
    }

    async fn relist_and_wake(&self, wake: &(impl Fn(&str) + Send + Sync)) {
        match self.relist().await {
            Ok(changed) => changed.iter().for_each(|uid| wake(uid)),
            Err(error) => tracing::error!(%error, "the runtime cannot be listed"),
        }
    }
}
