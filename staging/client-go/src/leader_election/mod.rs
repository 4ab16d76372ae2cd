//! Leader election on a Lease (upstream: `tools/leaderelection`).
//!
//! **Invariants.** Two candidates never work at the same time as long as their clocks run equally fast; what the clocks
//! show does not matter, because a record counts as fresh from the moment when a candidate sees it change, by its own
//! monotonic clock. A leader stops within the renew deadline, counted from before the request that renewed last; the
//! others wait for the lease's duration, counted from after they saw it. The lease is released only when the work is over.

mod lock;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use component_base::options::LeaderElectionConfiguration;
use k8s_api::primitives::MicroTime;
use parking_lot::Mutex;
use prometheus::{IntCounterVec, IntGaugeVec};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

pub use lock::{LeaseLock, Lock, Record, Version};

use crate::wait::jitter;

/// Pauses are up to this much longer, so that candidates do not move in step.
const JITTER: f64 = 1.2;

/// How leaders are elected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElectionConfig {
    /// Who this candidate is; no two may be the same.
    pub identity: String,
    /// How long the others wait after they saw the lease renewed.
    pub lease_duration: Duration,
    /// How long a leader tries to renew before it stops.
    pub renew_deadline: Duration,
    /// The time between two tries.
    pub retry_period: Duration,
    /// Whether the lease is given up at the end, so that another need not wait for it to run out.
    pub release_on_cancel: bool,
}

impl LeaderElectionConfig {
    /// 15, 10 and 2 seconds, released at the end.
    #[must_use]
    pub fn new(identity: impl Into<String>) -> Self {
        Self::from_options(identity, &LeaderElectionConfiguration::default())
    }

    /// As flags and configuration files have it.
    #[must_use]
    pub fn from_options(identity: impl Into<String>, options: &LeaderElectionConfiguration) -> Self {
        Self {
            identity: identity.into(),
            lease_duration: options.lease_duration.to_std(),
            renew_deadline: options.renew_deadline.to_std(),
            retry_period: options.retry_period.to_std(),
            release_on_cancel: true,
        }
    }

    fn validate(&self) -> Result<(), ElectionError> {
        let invalid = |text: &str| Err(ElectionError::Config(text.to_owned()));
        if self.lease_duration <= self.renew_deadline {
            return invalid("leaseDuration must be greater than renewDeadline");
        }
        if self.renew_deadline <= self.retry_period.mul_f64(JITTER) {
            return invalid("renewDeadline must be greater than retryPeriod*JitterFactor");
        }
        if self.lease_duration < Duration::from_secs(1) {
            return invalid("leaseDuration must be at least one second");
        }
        if self.retry_period.is_zero() {
            return invalid("retryPeriod must be greater than zero");
        }
        if self.identity.is_empty() {
            return invalid("Lock identity is empty");
        }
        Ok(())
    }
}

/// `<host>_<uuid>`, what components call themselves.
#[must_use]
pub fn default_identity(host: &str) -> String {
    format!("{host}_{}", uuid::Uuid::new_v4())
}

/// Why a leader is none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElectionError {
    /// The periods or the identity make no sense.
    #[error("{0}")]
    Config(String),
    /// The lease could not be renewed in time. Whoever led must not go on; most programs exit.
    #[error("leaderelection lost")]
    Lost,
}

/// The metrics of all elections of a process.
#[derive(Clone)]
pub struct LeaderElectionMetrics {
    master: Family<IntGaugeVec>,
    slow_path: Family<IntCounterVec>,
}

impl LeaderElectionMetrics {
    /// Registers the metrics.
    ///
    /// # Panics
    /// When they are registered already.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let opts = MetricOpts::new;
        Self {
            master: registry.gauge_vec(
                opts("leader_election_master_status", "1 while this process leads, else 0."),
                &["name"],
            ),
            slow_path: registry.counter_vec(
                opts(
                    "leader_election_slowpath_total",
                    "Renewals that had to read the lease first.",
                ),
                &["name"],
            ),
        }
    }
}

type NewLeader = Arc<dyn Fn(&str) + Send + Sync>;

/// One candidate.
pub struct LeaderElector<L> {
    lock: L,
    config: LeaderElectionConfig,
    metrics: Option<LeaderElectionMetrics>,
    on_new_leader: Option<NewLeader>,
    state: Arc<Mutex<Observed>>,
}

/// What the candidate has seen, and when.
#[derive(Default)]
struct Observed {
    record: Option<(Record, Version)>,
    at: Option<Instant>,
    reported: String,
    /// Before the request that renewed last, while leading.
    renewed: Option<Instant>,
}

impl<L: Lock> LeaderElector<L> {
    /// A candidate for `lock`.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn new(lock: L, config: LeaderElectionConfig) -> Result<Self, ElectionError> {
        config.validate()?;
        Ok(Self {
            lock,
            config,
            metrics: None,
            on_new_leader: None,
            state: Arc::default(),
        })
    }

    /// Counts.
    #[must_use]
    pub fn with_metrics(mut self, metrics: LeaderElectionMetrics) -> Self {
        metrics.master.with(&[self.lock.name()]).set(0);
        self.metrics = Some(metrics);
        self
    }

    /// Is told whenever another leads.
    #[must_use]
    pub fn on_new_leader(mut self, callback: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_new_leader = Some(Arc::new(callback));
        self
    }

    /// Says whether the leader has failed to renew for longer than the lease and `tolerance` without stopping.
    pub fn health_check(&self, tolerance: Duration) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let (state, limit) = (self.state.clone(), self.config.lease_duration + tolerance);
        let name = self.lock.name().to_owned();
        move || match state.lock().renewed {
            Some(renewed) if renewed.elapsed() > limit => {
                Err(format!("failed election to renew leadership on lease {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Waits until this candidate leads, then works until the work ends, `stop`, or the lease is lost. `work` gets a token
    /// that is cancelled when it must end; if it does not end before the lease could be another's, it is dropped.
    ///
    /// # Errors
    /// The lease was lost.
    pub async fn run<F>(
        &self,
        stop: CancellationToken,
        work: impl FnOnce(CancellationToken) -> F,
    ) -> Result<(), ElectionError>
    where
        F: Future<Output = ()>,
    {
        tokio::select! {
            () = self.acquire() => {}
            () = stop.cancelled() => return Ok(()),
        }
        tracing::info!(
            lock = self.lock.name(),
            identity = self.config.identity,
            "successfully acquired lease"
        );
        self.set_master(1);
        let leading = CancellationToken::new();
        let work = work(leading.clone());
        tokio::pin!(work);
        let outcome = tokio::select! {
            () = &mut work => None,
            () = self.renew() => Some(Err(ElectionError::Lost)),
            () = stop.cancelled() => Some(Ok(())),
        };
        let ended = match &outcome {
            None => true,
            Some(_) => {
                leading.cancel();
                self.finish(work, outcome == Some(Ok(()))).await
            }
        };
        self.set_master(0);
        if ended && self.config.release_on_cancel && outcome != Some(Err(ElectionError::Lost)) {
            self.release().await;
        }
        self.state.lock().renewed = None;
        outcome.unwrap_or(Ok(()))
    }

    /// Gives the work time to end: while renewing goes on, or until the lease could be another's.
    async fn finish(&self, work: impl Future<Output = ()>, renewing: bool) -> bool {
        if renewing {
            return tokio::select! {
                () = work => true,
                () = self.renew() => false,
            };
        }
        let renewed = self.state.lock().renewed.unwrap_or_else(Instant::now);
        timeout_at(renewed + self.config.lease_duration, work).await.is_ok()
    }

    fn set_master(&self, value: i64) {
        if let Some(metrics) = &self.metrics {
            metrics.master.with(&[self.lock.name()]).set(value);
        }
    }

    async fn acquire(&self) {
        tracing::info!(lock = self.lock.name(), "attempting to acquire leader lease");
        loop {
            // A request that hangs must not hold the candidate up for ever.
            let deadline = Instant::now() + self.config.renew_deadline;
            if matches!(timeout_at(deadline, self.try_acquire_or_renew()).await, Ok(true)) {
                return;
            }
            sleep(jitter(self.config.retry_period, JITTER)).await;
        }
    }

    /// Returns when the lease could not be renewed in time.
    async fn renew(&self) {
        loop {
            let renewed = self.state.lock().renewed.expect("a leader has renewed its lease");
            let deadline = renewed + self.config.renew_deadline;
            // A renewal counts from before its request, so the next one is due a period after that.
            let due = renewed + self.config.retry_period;
            let last_try = tokio::time::Instant::now().max(due);
            let outcome = timeout_at(deadline, async {
                tokio::time::sleep_until(last_try).await;
                while !self.try_acquire_or_renew().await {
                    sleep(self.config.retry_period).await;
                }
            })
            .await;
            if outcome.is_err() {
                tracing::error!(
                    lock = self.lock.name(),
                    "failed to renew lease: context deadline exceeded"
                );
                return;
            }
        }
    }

    fn record(&self, before: Option<&Record>) -> Record {
        let now = MicroTime::now();
        let seconds = i32::try_from(self.config.lease_duration.as_secs()).unwrap_or(i32::MAX);
        let mine = before.filter(|record| record.holder == self.config.identity);
        Record {
            holder: self.config.identity.clone(),
            lease_duration_seconds: seconds,
            acquired: mine.and_then(|record| record.acquired).or(Some(now)),
            renewed: Some(now),
            transitions: match (before, mine) {
                (_, Some(mine)) => mine.transitions,
                (Some(other), None) => other.transitions.saturating_add(1),
                (None, None) => 0,
            },
        }
    }

    async fn try_acquire_or_renew(&self) -> bool {
        let started = Instant::now();
        let outcome = self.attempt(started).await;
        self.report_leader();
        match outcome {
            Ok(true) => {
                self.state.lock().renewed = Some(started);
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::error!(lock = self.lock.name(), %error, "error retrieving or updating the lease");
                false
            }
        }
    }

    async fn attempt(&self, started: Instant) -> Result<bool, crate::Error> {
        // The leader knows what is there, as long as nobody interferes.
        if let Some((record, version)) = self.own_fresh_record(started) {
            let next = self.record(Some(&record));
            match self.lock.update(&next, &version).await {
                Ok(version) => {
                    self.observe(next, version);
                    return Ok(true);
                }
                Err(error) => {
                    tracing::debug!(%error, "failed to update the lease optimistically, falling back to slow path");
                    if let Some(metrics) = &self.metrics {
                        metrics.slow_path.with(&[self.lock.name()]).inc();
                    }
                }
            }
        }
        let Some((record, version)) = self.lock.get().await? else {
            let next = self.record(None);
            let version = self.lock.create(&next).await?;
            self.observe(next, version);
            return Ok(true);
        };
        self.observe(record.clone(), version.clone());
        if !record.holder.is_empty() && record.holder != self.config.identity && self.is_fresh(Instant::now()) {
            return Ok(false);
        }
        let next = self.record(Some(&record));
        match self.lock.update(&next, &version).await {
            Ok(version) => {
                self.observe(next, version);
                Ok(true)
            }
            // Another candidate was faster.
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn own_fresh_record(&self, now: Instant) -> Option<(Record, Version)> {
        if !self.is_fresh(now) {
            return None;
        }
        let state = self.state.lock();
        state
            .record
            .clone()
            .filter(|(record, _)| record.holder == self.config.identity && state.renewed.is_some())
    }

    /// Whether the record changed less than its duration ago.
    fn is_fresh(&self, now: Instant) -> bool {
        let state = self.state.lock();
        let (Some((record, _)), Some(at)) = (&state.record, state.at) else {
            return false;
        };
        let duration = Duration::from_secs(u64::try_from(record.lease_duration_seconds).unwrap_or(0));
        now < at + duration
    }

    fn observe(&self, record: Record, version: Version) {
        let mut state = self.state.lock();
        if state.record.as_ref().is_none_or(|(present, _)| *present != record) {
            state.at = Some(Instant::now());
        }
        state.record = Some((record, version));
    }

    fn report_leader(&self) {
        let leader = {
            let mut state = self.state.lock();
            let holder = state
                .record
                .as_ref()
                .map(|(record, _)| record.holder.clone())
                .unwrap_or_default();
            if holder == state.reported {
                return;
            }
            state.reported.clone_from(&holder);
            holder
        };
        if let Some(callback) = &self.on_new_leader {
            callback(&leader);
        }
    }

    async fn release(&self) {
        let Some((record, version)) = self.state.lock().record.clone() else {
            return;
        };
        if record.holder != self.config.identity {
            return;
        }
        let now = MicroTime::now();
        let released = Record {
            holder: String::new(),
            lease_duration_seconds: 1,
            acquired: Some(now),
            renewed: Some(now),
            transitions: record.transitions,
        };
        match tokio::time::timeout(self.config.renew_deadline, self.lock.update(&released, &version)).await {
            Ok(Ok(version)) => self.observe(released, version),
            Ok(Err(error)) => tracing::error!(lock = self.lock.name(), %error, "failed to release lease"),
            Err(_) => tracing::error!(lock = self.lock.name(), "failed to release lease in time"),
        }
    }
}
