//! Puts a scheduler together from its configuration.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use client_go::Client;
use client_go::cache::InformerFactory;
use client_go::events::{EventApi, EventBroadcaster};
use component_base::feature_gates::{Feature, FeatureGates};
use component_base::metrics::MetricsRegistry;
use scheduler_framework::config::KubeSchedulerConfiguration;
use scheduler_framework::{PodInfo, PodOptions, Snapshot, Status};
use scheduler_plugins::context::{InMemory, PluginMetrics};
use scheduler_plugins::default_preemption::Candidate;
use scheduler_plugins::{PluginContext, PreemptionHost};

use crate::cache::Cache;
use crate::extender::{Extender, ExtenderError};
use crate::framework::{Profile, ProfileError, Registry, build};
use crate::metrics::Metrics;
use crate::queue::{ProfileHooks, QueueOptions, SchedulingQueue};
use crate::scheduler::Scheduler;

/// Why a scheduler cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A profile.
    #[error("initializing profiles: creating profile for scheduler name {name}: {source}")]
    Profile {
        /// The scheduler's name.
        name: String,
        /// Why.
        source: ProfileError,
    },
    /// There are no profiles.
    #[error("at least one profile is required")]
    NoProfiles,
    /// An extender.
    #[error("couldn't build extenders: {0}")]
    Extender(#[from] ExtenderError),
}

/// What a scheduler is made of.
pub struct Setup<'s> {
    /// The configuration.
    pub config: &'s KubeSchedulerConfiguration,
    /// The feature gates.
    pub gates: Arc<FeatureGates>,
    /// The plugins that can be had.
    pub plugins: &'s Registry,
    /// The API server.
    pub client: Client,
    /// The API server, for events.
    pub event_client: Client,
    /// The caches.
    pub informers: InformerFactory,
    /// Where metrics are defined.
    pub metrics: &'s MetricsRegistry,
    /// After how long an unschedulable pod is tried again without an event.
    pub max_unschedulable: Duration,
    /// What tells this instance from others, for events.
    pub instance: &'s str,
}

/// What preemption needs of a scheduler that is put together after it.
#[derive(Default)]
struct Host(OnceLock<Weak<Scheduler>>);

impl Host {
    fn scheduler(&self) -> Option<Arc<Scheduler>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

impl PreemptionHost for Host {
    fn nominated_pods(&self, node: &str) -> Vec<Arc<PodInfo>> {
        self.scheduler()
            .map(|scheduler| scheduler.queue.nominated_on(node))
            .unwrap_or_default()
    }

    fn activate(&self, pod: &Arc<PodInfo>) {
        if let Some(scheduler) = self.scheduler() {
            scheduler.queue.activate(pod);
        }
    }

    fn reject_in_memory(&self, uid: &str, plugin: &'static str) -> InMemory {
        let scheduler = self.scheduler();
        scheduler.map_or(InMemory::NotThere, |scheduler| scheduler.reject_in_memory(uid, plugin))
    }

    fn process_preemption(
        &self,
        pod: &PodInfo,
        candidates: Vec<Candidate>,
        snapshot: &Snapshot,
    ) -> Result<Vec<Candidate>, Status> {
        match self.scheduler() {
            Some(scheduler) => scheduler.preempt_by_extenders(pod, candidates, snapshot),
            None => Ok(candidates),
        }
    }
}

fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}

/// Puts a scheduler together, with the broadcasters of its profiles' events. Must be called within a tokio runtime.
///
/// # Errors
/// See [`SetupError`].
pub fn setup(setup: &Setup<'_>) -> Result<(Arc<Scheduler>, Vec<EventBroadcaster>), SetupError> {
    let config = setup.config;
    let metrics = Arc::new(Metrics::new(setup.metrics));
    let host = Arc::new(Host::default());
    let extenders: Result<Vec<_>, _> = config.extenders.iter().map(Extender::new).collect();
    let managed = config.extenders.iter().flat_map(|extender| &extender.managed_resources);
    let ignored = managed.filter(|resource| resource.ignored_by_scheduler);
    let pods = scheduler_plugins::context::pods(&setup.informers).lister();
    let plugin_metrics = PluginMetrics::new(setup.metrics);
    let ignored: Vec<String> = ignored.map(|resource| resource.name.clone()).collect();
    let mut broadcasters = Vec::new();
    let mut profiles: HashMap<String, Arc<Profile>> = HashMap::new();
    for profile in &config.profiles {
        let name = &profile.scheduler_name;
        let instance = format!("{name}-{}", setup.instance);
        let broadcaster = EventBroadcaster::new(setup.event_client.clone(), EventApi::Events, name, &instance);
        let context = PluginContext {
            client: setup.client.clone(),
            informers: setup.informers.clone(),
            gates: setup.gates.clone(),
            recorder: broadcaster.recorder(),
            runtime: tokio::runtime::Handle::current(),
            preemption: host.clone(),
            metrics: plugin_metrics.clone(),
            ignored_resources: ignored.clone(),
        };
        let built = build(profile, setup.plugins, &context, metrics.clone());
        let built = built.map_err(|source| SetupError::Profile {
            name: name.clone(),
            source,
        })?;
        profiles.insert(name.clone(), Arc::new(built));
        broadcasters.push(broadcaster);
    }
    let sort = profiles
        .values()
        .next()
        .ok_or(SetupError::NoProfiles)?
        .queue_sort
        .clone();
    let hooks = |profile: &Profile| ProfileHooks {
        pre_enqueue: profile
            .pre_enqueue
            .iter()
            .map(|named| (named.name, named.plugin.clone()))
            .collect(),
        hints: profile.hints.clone(),
    };
    let hooks = profiles
        .iter()
        .map(|(name, profile)| (name.clone(), hooks(profile)))
        .collect();
    let options = QueueOptions {
        initial_backoff: seconds(config.pod_initial_backoff_seconds),
        max_backoff: seconds(config.pod_max_backoff_seconds),
        max_unschedulable: setup.max_unschedulable,
        pop_from_backoff: setup.gates.enabled(Feature::SchedulerPopFromBackoffQ),
    };
    let scheduler = Arc::new(Scheduler {
        client: setup.client.clone(),
        cache: Arc::new(Cache::default()),
        queue: Arc::new(SchedulingQueue::new(
            sort,
            hooks,
            options,
            Some(pods.clone()),
            metrics.clone(),
        )),
        profiles,
        extenders: extenders?.into(),
        pods,
        binding_pods: Arc::default(),
        metrics,
        runtime: tokio::runtime::Handle::current(),
        pod_options: PodOptions::from_gates(&setup.gates),
        percentage_of_nodes_to_score: config.percentage_of_nodes_to_score,
        nominate_before_binding: setup.gates.enabled(Feature::NominatedNodeNameForExpectation),
        bindings: tokio_util::task::TaskTracker::new(),
        bound: AtomicUsize::new(0),
    });
    if host.0.set(Arc::downgrade(&scheduler)).is_err() {
        tracing::error!("the scheduler has been put together twice");
    }
    Ok((scheduler, broadcasters))
}
