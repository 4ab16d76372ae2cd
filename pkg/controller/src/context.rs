//! [`ControllerContext`]: what the manager gives to every controller.

use std::sync::Arc;

use client_go::Client;
use client_go::cache::InformerFactory;
use client_go::discovery::CachedDiscovery;
use client_go::events::{EventApi, EventBroadcaster, EventRecorder};
use client_go::workqueue::{WorkQueue, WorkQueueMetrics, default_limiter};
use component_base::feature_gates::{Feature, FeatureGates};
use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use prometheus::IntCounterVec;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{BuildError, ClientBuilder, Clock, KubeControllerManagerConfiguration};

/// What the manager gives to every controller. Cheap to clone.
#[derive(Clone)]
pub struct ControllerContext {
    /// The controller's name, set by the manager for each.
    pub name: &'static str,
    /// Clients as the controller's own identity.
    pub clients: ClientBuilder,
    /// Clients as the manager itself; only for what makes the identities of the others, and for discovery.
    pub root_clients: ClientBuilder,
    /// The caches that all controllers share.
    pub informers: InformerFactory,
    /// What the server serves; refreshed by the manager.
    pub discovery: Arc<CachedDiscovery>,
    /// Flags and defaults.
    pub config: Arc<KubeControllerManagerConfiguration>,
    /// Feature gates.
    pub gates: Arc<FeatureGates>,
    /// Where controllers register what they count. One registry may see several controllers of one kind in tests, so
    /// names are registered once a process.
    pub metrics: MetricsRegistry,
    /// The metrics of all work queues.
    pub queue_metrics: WorkQueueMetrics,
    /// The time of day.
    pub clock: Clock,
    /// Reconciles that panicked, by controller.
    pub panics: Family<IntCounterVec>,
    /// Tasks of the frame itself, such as the writing of events; the manager waits for them last.
    pub tasks: TaskTracker,
    /// Ends those tasks, after the controllers have ended.
    pub end_of_tasks: CancellationToken,
}

impl ControllerContext {
    /// A context with metrics of its own, the system's clock, and caches that end with `stop`.
    #[must_use]
    pub fn new(
        root_clients: ClientBuilder,
        clients: ClientBuilder,
        config: KubeControllerManagerConfiguration,
        gates: FeatureGates,
        metrics: MetricsRegistry,
        stop: CancellationToken,
    ) -> Self {
        let panics = metrics.counter_vec(
            MetricOpts::new(
                "controller_reconcile_panics_total",
                "Reconciles that panicked and were tried again, by controller.",
            ),
            &["controller"],
        );
        let root = root_clients.root().clone();
        Self {
            name: "",
            clients,
            informers: InformerFactory::new(root_clients.named("shared-informers"), stop),
            discovery: Arc::new(CachedDiscovery::new(root)),
            root_clients,
            config: Arc::new(config),
            gates: Arc::new(gates),
            queue_metrics: WorkQueueMetrics::new(&metrics),
            metrics,
            clock: Clock::system(),
            panics,
            tasks: TaskTracker::new(),
            end_of_tasks: CancellationToken::new(),
        }
    }

    /// The same context for another controller.
    #[must_use]
    pub fn for_controller(&self, name: &'static str) -> Self {
        Self { name, ..self.clone() }
    }

    /// A client as the service account `account` (with `--use-service-account-credentials`; else as the manager).
    ///
    /// # Errors
    /// The account cannot be read or made.
    pub async fn client(&self, account: &str) -> Result<Client, BuildError> {
        self.clients.client(account).await.map_err(|source| BuildError::Client {
            name: account.to_owned(),
            source,
        })
    }

    /// The same with so many times the usual rate limit, for controllers that send many small requests.
    ///
    /// # Errors
    /// The account cannot be read or made.
    pub async fn client_scaled(&self, account: &str, qps: f32, burst: u32) -> Result<Client, BuildError> {
        let limits = &self.config.generic.client_connection;
        let qps = limits.qps * qps;
        let burst = u32::try_from(limits.burst).unwrap_or(0).saturating_mul(burst);
        self.clients
            .client_limited(account, qps, burst)
            .await
            .map_err(|source| BuildError::Client {
                name: account.to_owned(),
                source,
            })
    }

    /// Whether a feature gate is on.
    #[must_use]
    pub fn enabled(&self, feature: Feature) -> bool {
        self.gates.enabled(feature)
    }

    /// Tells events as `component`, written with `client`.
    #[must_use]
    pub fn recorder(&self, component: &str, client: &Client) -> EventRecorder {
        let broadcaster = EventBroadcaster::new(client.clone(), EventApi::Core, component, "");
        let recorder = broadcaster.recorder();
        self.tasks.spawn(broadcaster.run(self.end_of_tasks.clone()));
        recorder
    }

    /// A work queue with the usual limits, counted under `name`.
    #[must_use]
    pub fn queue<K: Clone + Eq + std::hash::Hash + Send + Sync + 'static>(&self, name: &str) -> WorkQueue<K> {
        WorkQueue::with_limiter(name, Some(&self.queue_metrics), default_limiter())
    }
}
