//! What plugins are given when a profile is put together.

use std::sync::Arc;

use client_go::Client;
use client_go::cache::{InformerFactory, InformerOptions, SharedInformer};
use client_go::events::EventRecorder;
use component_base::feature_gates::FeatureGates;
use component_base::metrics::MetricsRegistry;
use k8s_api::core::v1::Pod;
use scheduler_framework::config::ConfigGates;
use scheduler_framework::{PodInfo, PodOptions, Snapshot, Status};

use crate::default_preemption::{Candidate, PreemptionMetrics};
use crate::volume_binding::VolumeBindingMetrics;

/// What has become of a pod that was to be taken out of the scheduler's own hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InMemory {
    /// It is not in its hands.
    NotThere,
    /// It has been rejected; nothing has been told to the API server yet.
    Rejected,
    /// It is past the point where it could be rejected.
    TooLate,
}

/// What preemption needs of the scheduler around it.
pub trait PreemptionHost: Send + Sync {
    /// The pods that are nominated to a node.
    fn nominated_pods(&self, node: &str) -> Vec<Arc<PodInfo>>;
    /// Puts a pod back into the active queue.
    fn activate(&self, pod: &Arc<PodInfo>);
    /// Rejects a pod that waits for its binding, or is on its way to it.
    fn reject_in_memory(&self, uid: &str, plugin: &'static str) -> InMemory;
    /// Lets the extenders have their say.
    ///
    /// # Errors
    /// An extender that cannot be ignored failed.
    fn process_preemption(
        &self,
        pod: &PodInfo,
        candidates: Vec<Candidate>,
        snapshot: &Snapshot,
    ) -> Result<Vec<Candidate>, Status>;
}

/// What plugins are given.
#[derive(Clone)]
pub struct PluginContext {
    /// The API server.
    pub client: Client,
    /// The caches.
    pub informers: InformerFactory,
    /// The feature gates.
    pub gates: Arc<FeatureGates>,
    /// Tells events, in the profile's name.
    pub recorder: EventRecorder,
    /// Where asynchronous work runs.
    pub runtime: tokio::runtime::Handle,
    /// The scheduler around preemption.
    pub preemption: Arc<dyn PreemptionHost>,
    /// The metrics of plugins; shared by all profiles.
    pub metrics: PluginMetrics,
    /// Extended resources that extenders look after.
    pub ignored_resources: Vec<String>,
}

impl PluginContext {
    /// What of the gates bears on the facts of pods.
    #[must_use]
    pub fn pod_options(&self) -> PodOptions {
        PodOptions::from_gates(&self.gates)
    }

    /// What of the gates bears on the configuration.
    #[must_use]
    pub fn config_gates(&self) -> ConfigGates {
        ConfigGates::from_gates(&self.gates)
    }
}

/// The metrics of plugins.
#[derive(Clone)]
pub struct PluginMetrics {
    /// Of preemption.
    pub preemption: PreemptionMetrics,
    /// Of volume binding.
    pub volume_binding: VolumeBindingMetrics,
}

impl PluginMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        Self {
            preemption: PreemptionMetrics::new(registry),
            volume_binding: VolumeBindingMetrics::new(registry),
        }
    }
}

/// The informer for pods that have not ended; the only pods the scheduler knows of.
#[must_use]
pub fn pods(informers: &InformerFactory) -> SharedInformer<Pod> {
    let options = InformerOptions {
        field_selector: "status.phase!=Succeeded,status.phase!=Failed".to_owned(),
        ..InformerOptions::default()
    };
    informers.informer_with(informers.client().all::<Pod>(), options)
}

/// Bounds of a histogram: `count` of them from `start`, each `factor` times the one before.
#[must_use]
pub fn exponential_buckets(start: f64, factor: f64, count: i32) -> Vec<f64> {
    (0..count).map(|i| start * factor.powi(i)).collect()
}
