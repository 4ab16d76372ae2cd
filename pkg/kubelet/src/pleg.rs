//! What happens in the runtime: its own events where it sends them, and the difference of two lists otherwise.
//!
//! Beside events a list follows each burst of them, so that [`Pleg::pods`] is true, and otherwise comes seldom, since an event
//! can be lost. Upstream counterpart: the generic and evented PLEG.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use component_base::feature_gates::{Feature, FeatureGates};
use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use futures::StreamExt;
use kubelet_runtime::labels::POD_UID;
use kubelet_runtime::{ContainerState, KubeRuntime, RuntimePod};
use parking_lot::Mutex;
use prometheus::{DEFAULT_BUCKETS, Histogram, IntGauge, IntGaugeVec};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the runtime is listed when it sends no events.
pub const RELIST_PERIOD: Duration = Duration::from_secs(1);
/// How often it is listed when it does and none comes.
pub const EVENTED_RELIST_PERIOD: Duration = Duration::from_secs(300);
/// The runtime counts as gone when no list came back for so long.
pub const RELIST_THRESHOLD: Duration = Duration::from_secs(180);
/// The same while the runtime sends events.
pub const EVENTED_RELIST_THRESHOLD: Duration = Duration::from_secs(600);
/// How long to wait before asking for events again.
const RESUBSCRIBE: Duration = Duration::from_secs(30);

/// Whether the runtime's own events are followed beside its lists.
///
/// Upstream's gate `EventedPLEG` is alpha and off; here events are followed unless somebody says otherwise: they cost
/// less than a list a second, lists follow each burst of them, and a runtime without them is listed as ever. What is set
/// holds: `EventedPLEG=false` and `AllAlpha=false` leave lists only.
#[must_use]
pub fn follows_events(gates: &FeatureGates) -> bool {
    gates.enabled(Feature::EventedPLEG) || !(gates.explicitly_set(Feature::EventedPLEG) || gates.alpha_set())
}

/// Watches the runtime.
pub struct Pleg {
    metrics: Mutex<Option<PlegMetrics>>,
    runtime: Arc<KubeRuntime>,
    /// Events are followed, not only lists.
    evented: bool,
    /// None before the first list.
    pods: Mutex<Option<BTreeMap<String, RuntimePod>>>,
    seen: Mutex<Seen>,
}

/// The runtime's latest sign of life.
struct Seen {
    at: Instant,
    /// How long it may take until the next one.
    threshold: Duration,
}

impl Seen {
    fn now(threshold: Duration) -> Self {
        let at = Instant::now();
        Self { at, threshold }
    }
}

struct PlegMetrics {
    pods: IntGauge,
    containers: Family<IntGaugeVec>,
    relists: Histogram,
    intervals: Histogram,
    last_seen: IntGauge,
}

impl PlegMetrics {
    fn observe(&self, pods: &BTreeMap<String, RuntimePod>) {
        let running = pods
            .values()
            .filter(|pod| pod.sandboxes.values().any(|ready| *ready))
            .count();
        self.pods.set(i64::try_from(running).unwrap_or(i64::MAX));
        use ContainerState::{Created, Exited, Running, Unknown};
        for state in [Created, Running, Exited, Unknown] {
            let count = pods
                .values()
                .flat_map(|pod| pod.containers.values())
                .filter(|it| **it == state)
                .count();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.containers.with(&[state.as_str()]).set(count);
        }
    }
}

impl Pleg {
    /// Publishes how many pods and containers there are, and how long lists take.
    pub fn register_metrics(&self, registry: &MetricsRegistry) {
        let opts = |name, help| MetricOpts::new(name, help);
        let pods = opts("kubelet_running_pods", "How many pods have a running sandbox.");
        let containers = opts("kubelet_running_containers", "How many containers there are, by state.");
        let relists = opts(
            "kubelet_pleg_relist_duration_seconds",
            "How long it takes to list the runtime.",
        );
        let intervals = opts(
            "kubelet_pleg_relist_interval_seconds",
            "Seconds between two lists of the runtime.",
        );
        let last_seen = opts(
            "kubelet_pleg_last_seen_seconds",
            "When the runtime was last listed, in seconds since 1970.",
        );
        *self.metrics.lock() = Some(PlegMetrics {
            intervals: registry.histogram(intervals, DEFAULT_BUCKETS),
            last_seen: registry.gauge(last_seen),
            pods: registry.gauge(pods),
            containers: registry.gauge_vec(containers, &["container_state"]),
            relists: registry.histogram(
                relists,
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            ),
        });
    }

    /// Nothing is known yet. `evented`: see [`follows_events`].
    #[must_use]
    pub fn new(runtime: Arc<KubeRuntime>, evented: bool) -> Self {
        Self {
            metrics: Mutex::new(None),
            runtime,
            evented,
            pods: Mutex::default(),
            seen: Mutex::new(Seen::now(RELIST_THRESHOLD)),
        }
    }

    /// The runtime's pods as of the latest list.
    #[must_use]
    pub fn pods(&self) -> BTreeMap<String, RuntimePod> {
        self.pods.lock().clone().unwrap_or_default()
    }

    /// Whether the runtime was listed since this process began, and had nothing of the pod.
    #[must_use]
    pub fn has_nothing_of(&self, uid: &str) -> bool {
        self.pods.lock().as_ref().is_some_and(|pods| !pods.contains_key(uid))
    }

    /// Whether lists and events come.
    ///
    /// # Errors
    /// With the time since the last one.
    pub fn healthy(&self) -> Result<(), String> {
        let seen = self.seen.lock();
        let since = seen.at.elapsed();
        if since > seen.threshold {
            let (since, threshold) = (since.as_secs(), seen.threshold.as_secs());
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
        let begun = Instant::now();
        let now = self.runtime.list_pods().await?;
        let since = std::mem::replace(&mut self.seen.lock().at, Instant::now()).elapsed();
        if let Some(metrics) = &*self.metrics.lock() {
            metrics.observe(&now);
            metrics.relists.observe(begun.elapsed().as_secs_f64());
            metrics.intervals.observe(since.as_secs_f64());
            metrics.last_seen.set(jiff::Timestamp::now().as_second());
        }
        let before = self.pods.lock().replace(now.clone()).unwrap_or_default();
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
            while !self.evented {
                self.poll_for(RESUBSCRIBE, &wake).await;
            }
            loop {
                let streamed = match self.runtime.services().runtime.container_events().await {
                    Ok(events) => self.follow(events, &wake).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = streamed {
                    tracing::debug!(%error, "no container events, listing instead");
                }
                // The stream was a sign of life for as long as it lasted.
                *self.seen.lock() = Seen::now(RELIST_THRESHOLD);
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
        let (mut listed, mut next) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return Ok(()) };
                    let event = event?;
                    period = EVENTED_RELIST_PERIOD;
                    *self.seen.lock() = Seen::now(EVENTED_RELIST_THRESHOLD);
                    next = next.min(listed + RELIST_PERIOD);
                    let uid = event.pod_sandbox_status.and_then(|sandbox| sandbox.metadata).map(|metadata| metadata.uid);
                    let of_container = || event.containers_statuses.iter().find_map(|it| it.labels.get(POD_UID).cloned());
                    match uid.or_else(of_container) {
                        Some(uid) => wake(&uid),
                        None => next = Instant::now(),
                    }
                }
                () = tokio::time::sleep_until(next) => {
                    self.relist_and_wake(wake).await;
                    listed = Instant::now();
                    next = listed + period;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_of_the_gate_holds() {
        for (set, follows) in [
            ("", true),
            ("EventedPLEG=false", false),
            ("AllAlpha=false", false),
            ("EventedPLEG=true", true),
            ("AllAlpha=false,EventedPLEG=true", true),
            ("AllAlpha=true,EventedPLEG=false", false),
        ] {
            let mut gates = FeatureGates::default();
            gates.set_from_text(set).expect("known gates");
            assert_eq!(follows_events(&gates), follows, "{set}");
        }
    }
}
