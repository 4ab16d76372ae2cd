//! Watches what the node has left, and evicts pods before it has nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_api::core::v1::Pod;
use k8s_api::primitives::Quantity;
use kubelet_config::{KubeletConfiguration, KubeletOptions};
use kubelet_eviction::local::{LocalUse, excess};
use kubelet_eviction::{
    Files, Observation, Signal, Threshold, ThresholdError, Thresholds, Tracker, Use, message, rank, thresholds,
};
use kubelet_node::{Machine, node_reference};
use kubelet_runtime::{GcPolicy, KubeRuntime};
use kubelet_stats::{ContainerUsage, FileSystem, StatsProvider};
use kubelet_types::pod::{grace_period, is_critical};
use kubelet_types::pressure::Pressures;
use kubelet_types::seams::{EventRecorder, EventType, pod_reference};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use super::housekeeping::{collect_containers, tick};
use super::images::ImageKeeper;
use crate::pods::{PodStore, Source};
use crate::status::Failure;
use crate::workers::PodWorkers;

/// How often the node is looked at.
const PERIOD: Duration = Duration::from_secs(10);
/// How long an evicted pod may take to be gone before the next one is looked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The seconds that a pod has when there is no time.
const AT_ONCE: i64 = 1;

fn read(configuration: &KubeletConfiguration) -> Result<Vec<Threshold>, ThresholdError> {
    let mut grace = BTreeMap::new();
    for (signal, text) in configuration.eviction_soft_grace_period.iter() {
        let period = text.parse::<component_base::duration::GoDuration>();
        let period = period.map_err(|_| ThresholdError::Grace(signal.clone(), text.clone()))?;
        grace.insert(signal.clone(), period.to_std());
    }
    thresholds(&Thresholds {
        hard: &configuration.eviction_hard,
        soft: &configuration.eviction_soft,
        grace: &grace,
        reclaim: &configuration.eviction_minimum_reclaim,
        allocatable_enforced: configuration
            .enforce_node_allocatable
            .iter()
            .any(|level| level == "pods"),
    })
}

/// What pods cannot request, since eviction begins before it is used.
pub(super) fn reserved(
    configuration: &KubeletConfiguration,
    machine: &Machine,
    root: &Path,
) -> BTreeMap<String, Quantity> {
    let mut reserved = BTreeMap::new();
    for threshold in read(configuration).unwrap_or_default() {
        let (name, capacity) = match threshold.signal {
            Signal::Memory => ("memory", machine.memory),
            Signal::NodeFs => {
                let fs = FileSystem::of(root).or_else(|_| FileSystem::of(Path::new("/")));
                let capacity = fs.map_or(0, |fs| i64::try_from(fs.capacity).unwrap_or(i64::MAX));
                ("ephemeral-storage", capacity)
            }
            _ => continue,
        };
        if threshold.grace.is_none()
            && let Ok(amount) = threshold.least.of(capacity).to_string().parse()
        {
            reserved.insert(name.to_owned(), amount);
        }
    }
    reserved
}

/// What a look at the node has shown.
struct Seen {
    signals: BTreeMap<Signal, Observation>,
    /// Images do not lie on the file system of the kubelet's files.
    images_apart: bool,
}

struct Evictor {
    node: String,
    workers: PodWorkers,
    known: Arc<PodStore>,
    sources: Vec<Source>,
    runtime: Arc<KubeRuntime>,
    images: Arc<ImageKeeper>,
    stats: Arc<StatsProvider>,
    pressures: Arc<Pressures>,
    recorder: Arc<dyn EventRecorder>,
    max_grace: i64,
    local_storage: bool,
}

pub(super) fn start(
    node: &Node,
    options: &KubeletOptions,
    images: Arc<ImageKeeper>,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) {
    let kc = &options.configuration;
    let evictor = Evictor {
        node: node.name.clone(),
        workers: node.kubelet.workers().clone(),
        known: node.pods.clone(),
        sources: node.sources.clone(),
        runtime: node.runtime.clone(),
        images,
        stats: node.stats.clone(),
        pressures: node.pressures.clone(),
        recorder: node.recorder.clone(),
        max_grace: i64::from(kc.eviction_max_pod_grace_period),
        local_storage: kc.local_storage_capacity_isolation,
    };
    let thresholds = read(kc).unwrap_or_else(|error| {
        tracing::error!(%error, "nothing is evicted for want of memory, disk or process ids");
        Vec::new()
    });
    let mut tracker = Tracker::new(thresholds, kc.eviction_pressure_transition_period.to_std());
    let token = cancel.clone();
    tasks.spawn(async move {
        loop {
            // Cancellation ends it; what was begun to be evicted is seen to by the workers.
            let evicted = token.run_until_cancelled(evictor.step(&mut tracker)).await;
            let Some(evicted) = evicted else { return };
            for uid in &evicted {
                evictor.wait_until_gone(uid, &token).await;
            }
            // After an eviction it is looked at once whether that was enough.
            if evicted.is_empty() && !tick(PERIOD, &token).await {
                return;
            }
            if token.is_cancelled() {
                return;
            }
        }
    });
}

impl Evictor {
    /// Looks once; returns the uids of the pods that have to go.
    async fn step(&self, tracker: &mut Tracker) -> Vec<String> {
        let pods = self.workers.active();
        let mut evicted = Vec::new();
        if self.local_storage {
            evicted = self.beyond_limits(&pods).await;
        }
        if tracker.is_empty() {
            return evicted;
        }
        let seen = self.observe().await;
        let verdict = tracker.step(&seen.signals, Instant::now());
        self.pressures.set(verdict.pressures);
        let Some((threshold, observed)) = verdict.reclaim.filter(|_| evicted.is_empty()) else {
            return evicted;
        };
        let resource = threshold.signal.resource();
        tracing::warn!(
            resource,
            available = observed.available,
            "Eviction manager: attempting to reclaim"
        );
        self.recorder.event(
            &node_reference(&self.node),
            EventType::Warning,
            "EvictionThresholdMet",
            &format!("Attempting to reclaim {resource}"),
        );
        let files = threshold.signal.files(seen.images_apart);
        if files.layers && self.freed_enough(&threshold).await {
            return evicted;
        }
        let uses = self.uses(threshold.signal, files, &pods).await;
        let Some(first) = rank(threshold.signal, uses).into_iter().next() else {
            tracing::error!(resource, "Eviction manager: no pods are evictable");
            return evicted;
        };
        let grace = if threshold.grace.is_some() {
            grace_period(&first.pod).min(self.max_grace.max(AT_ONCE))
        } else {
            AT_ONCE
        };
        self.evict(&first.pod, message(&threshold, &observed, &first), grace);
        evicted.push(first.pod.metadata.uid.clone());
        evicted
    }

    /// Removes dead containers and unused images; true if that was enough.
    async fn freed_enough(&self, threshold: &Threshold) -> bool {
        let policy = GcPolicy {
            min_age: Duration::ZERO,
            max_per_container: 0,
            max_total: Some(0),
        };
        let all_known = self.known.all_sources_seen(&self.sources);
        collect_containers(&self.runtime, &self.workers, &policy, all_known).await;
        self.images.remove_unused().await;
        let observed = self.observe().await.signals;
        observed.get(&threshold.signal).is_none_or(|observed| {
            let least = threshold.least.of(observed.capacity) + threshold.reclaim.of(observed.capacity);
            observed.available >= least
        })
    }

    async fn observe(&self) -> Seen {
        let (mut node_device, mut image_device) = (None, None);
        let number = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let mut observed = BTreeMap::new();
        let mut note = |signal, available: u64, capacity: u64| {
            let observation = Observation {
                available: number(available),
                capacity: number(capacity),
            };
            observed.insert(signal, observation);
        };
        match self.stats.node_usage() {
            Ok(usage) => {
                note(Signal::Memory, usage.memory_available(), usage.memory_capacity);
                note(Signal::Pid, usage.max_pids.saturating_sub(usage.pids), usage.max_pids);
            }
            Err(error) => tracing::error!(%error, "Eviction manager: failed to get summary stats"),
        }
        if let Some(pods) = self.stats.pods_memory() {
            note(Signal::AllocatableMemory, pods.available, pods.limit);
        }
        match self.stats.node_fs() {
            Ok(fs) => {
                note(Signal::NodeFs, fs.available, fs.capacity);
                note(Signal::NodeFsInodes, fs.inodes_free, fs.inodes);
                node_device = Some(fs.device);
            }
            Err(error) => tracing::error!(%error, "Eviction manager: the kubelet's file system cannot be looked at"),
        }
        match self.stats.image_fs().await {
            Ok((fs, _)) => {
                note(Signal::ImageFs, fs.available, fs.capacity);
                note(Signal::ImageFsInodes, fs.inodes_free, fs.inodes);
                note(Signal::ContainerFs, fs.available, fs.capacity);
                note(Signal::ContainerFsInodes, fs.inodes_free, fs.inodes);
                image_device = Some(fs.device);
            }
            Err(error) => tracing::error!(%error, "Eviction manager: the images' file system cannot be looked at"),
        }
        // File systems that make inodes as they go along report none.
        observed.retain(|_, observation| observation.capacity > 0);
        Seen {
            signals: observed,
            images_apart: node_device.is_some() && image_device.is_some() && node_device != image_device,
        }
    }

    async fn uses(&self, signal: Signal, files: Files, pods: &[Arc<Pod>]) -> Vec<Use> {
        let mut used = self.stats.pod_usage(pods).await.unwrap_or_else(|error| {
            tracing::error!(%error, "Eviction manager: what pods use is not known");
            HashMap::new()
        });
        let uses = pods.iter().map(|pod| {
            let used = used.remove(&pod.metadata.uid).unwrap_or_default();
            let here = [(files.layers, used.layers), (files.local, used.local)];
            let here = || here.iter().filter(|(counts, _)| *counts).map(|(_, files)| files);
            let amount = match signal.resource() {
                "memory" => used.memory_working_set,
                "inodes" => here().map(|files| files.inodes).sum(),
                "pids" => used.processes,
                _ => here().map(|files| files.bytes).sum(),
            };
            let of = |own: ContainerUsage| match signal.resource() {
                "memory" => Some(own.memory_working_set),
                "ephemeral-storage" => Some(own.disk),
                _ => None,
            };
            let containers = used.containers.into_iter();
            Use {
                pod: pod.clone(),
                amount,
                containers: containers.filter_map(|(name, own)| Some((name, of(own)?))).collect(),
            }
        });
        uses.collect()
    }

    /// Evicts pods that use more of the node's disk than they may.
    async fn beyond_limits(&self, pods: &[Arc<Pod>]) -> Vec<String> {
        let limited: Vec<_> = pods.iter().filter(|pod| has_limits(pod)).cloned().collect();
        if limited.is_empty() {
            return Vec::new();
        }
        let used = match self.stats.local_use(&limited).await {
            Ok(used) => used,
            Err(error) => {
                tracing::error!(%error, "Eviction manager: the local files of pods are not known");
                return Vec::new();
            }
        };
        let mut evicted = Vec::new();
        for pod in limited.iter().filter(|pod| !is_critical(pod)) {
            let Some(used) = used.get(&pod.metadata.uid) else {
                continue;
            };
            let used = LocalUse {
                volumes: used.volumes.clone(),
                containers: used.containers.clone(),
                total: used.total,
            };
            if let Some(message) = excess(pod, &used) {
                self.evict(pod, message, AT_ONCE);
                evicted.push(pod.metadata.uid.clone());
            }
        }
        evicted
    }

    fn evict(&self, pod: &Pod, message: String, grace: i64) {
        tracing::warn!(pod = pod.metadata.name, message, "Eviction manager: evicting pod");
        self.recorder
            .event(&pod_reference(pod), EventType::Warning, "Evicted", &message);
        let failure = Failure {
            reason: "Evicted".to_owned(),
            disruption: Some(message.clone()),
            message,
            rejected: false,
        };
        self.workers.evict(&pod.metadata.uid, failure, grace);
    }

    async fn wait_until_gone(&self, uid: &str, cancel: &CancellationToken) {
        let end = Instant::now() + PATIENCE;
        while !self.workers.has_ended(uid) && Instant::now() < end {
            if !tick(Duration::from_millis(250), cancel).await {
                return;
            }
        }
    }
}

fn has_limits(pod: &Pod) -> bool {
    let spec = &pod.spec;
    let volumes = spec.volumes.iter().filter_map(|volume| volume.empty_dir.as_deref());
    let containers = spec.containers.iter().chain(&spec.init_containers);
    volumes.into_iter().any(|empty| empty.size_limit.is_some())
        || containers
            .into_iter()
            .any(|container| container.resources.limits.contains_key("ephemeral-storage"))
}
