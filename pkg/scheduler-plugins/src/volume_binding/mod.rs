//! Volumes: a node must reach those that are bound, and find or provision those that are not.
//!
//! Claims of classes with `WaitForFirstConsumer` are bound when the pod has a node: the choice is assumed when the node is
//! reserved, and told to the API server before the pod is bound.

mod assume_cache;
mod binder;
mod matching;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use client_go::cache::Lister;
use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_api::primitives::quote;
use k8s_api::storage::v1::StorageClass;
use parking_lot::Mutex;
use prometheus::IntCounterVec;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::config::args::VolumeBindingArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{
    Filter, Plugin, PreBind, PreFilter, PreFiltered, PreScore, Reserve, Score, ScoreContext,
};
use scheduler_framework::{Code, CycleState, Feasible, NodeInfo, PodInfo, Snapshot, Status, extension_points, names};

use crate::PluginContext;
use crate::node_resources::Curve;
use assume_cache::AssumeCache;
use binder::{BY_CLASS, Binder, PodClaims, PodVolumes, check_owner, limit};
pub use matching::{class_of, class_of_volume};

/// The metrics of volume binding.
#[derive(Clone)]
pub struct VolumeBindingMetrics {
    stage_errors: Family<IntCounterVec>,
}

impl VolumeBindingMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        Self {
            stage_errors: registry.counter_vec(
                MetricOpts::new(
                    "scheduler_volume_scheduling_stage_error_total",
                    "Volume scheduling stage error count",
                ),
                &["operation"],
            ),
        }
    }

    fn failed(&self, operation: &str) {
        self.stage_errors.with(&[operation]).inc();
    }
}

/// The plugin.
pub struct VolumeBinding {
    binder: Binder,
    claims: Lister<PersistentVolumeClaim>,
    /// Scores by the use of storage, if the gate is on.
    curve: Option<Curve>,
    metrics: VolumeBindingMetrics,
}

/// The cycle's state; clones share it.
#[derive(Clone)]
struct State(Arc<Shared>);

#[derive(Default)]
struct Shared {
    claims: PodClaims,
    /// What is to be done on each node that has something to be done.
    by_node: Mutex<HashMap<String, PodVolumes>>,
    all_bound: AtomicBool,
}

pub(crate) fn new(args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let args = match args {
        Some(PluginArgs::VolumeBinding(args)) => args.clone(),
        _ => VolumeBindingArgs::default(),
    };
    let informers = &context.informers;
    let volumes = informers.informer::<PersistentVolume>();
    volumes.add_index(BY_CLASS, |volume| vec![class_of_volume(volume).to_owned()]);
    let scores = context.config_gates().storage_capacity_scoring;
    Ok(Arc::new(VolumeBinding {
        binder: Binder {
            client: context.client.clone(),
            pods: crate::context::pods(informers).lister(),
            nodes: informers.informer().lister(),
            classes: informers.informer().lister(),
            drivers: informers.informer().lister(),
            capacities: informers.informer().lister(),
            volume_lister: volumes.lister(),
            volumes: AssumeCache::new(volumes.lister()),
            claims: AssumeCache::new(informers.informer().lister()),
            timeout: Duration::from_secs(u64::try_from(args.bind_timeout_seconds).unwrap_or(0)),
        },
        claims: informers.informer().lister(),
        curve: scores.then(|| Curve::new(args.shape.as_deref().unwrap_or_default())),
        metrics: context.metrics.volume_binding.clone(),
    }))
}

impl VolumeBinding {
    /// Whether the pod has claims; an error if they cannot be used.
    fn check_claims(&self, pod: &PodInfo) -> Result<(), String> {
        let ephemeral = |name: &str| {
            let volumes = pod.pod.spec.volumes.iter().filter(|volume| volume.ephemeral.is_some());
            volumes
                .into_iter()
                .any(|volume| scheduler_framework::pod_info::ephemeral_claim_name(&pod.pod, &volume.name) == name)
        };
        for name in &pod.claims {
            let claim = match self.claims.require(pod.namespace(), name) {
                Ok(claim) => claim,
                Err(_) if ephemeral(name) => {
                    return Err(format!(
                        "waiting for ephemeral volume controller to create the persistentvolumeclaim {}",
                        quote(name)
                    ));
                }
                Err(error) => return Err(error.to_string()),
            };
            if claim.status.phase == "Lost" {
                let volume = &claim.spec.volume_name;
                return Err(format!(
                    "persistentvolumeclaim {} bound to non-existent persistentvolume {}",
                    quote(name),
                    quote(volume)
                ));
            }
            if claim.metadata.deletion_timestamp.is_some() {
                return Err(format!("persistentvolumeclaim {} is being deleted", quote(name)));
            }
            if ephemeral(name) {
                check_owner(pod, &claim)?;
            }
        }
        Ok(())
    }
}

fn after_claim(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(claim) = objects.claim().and_then(|change| change.new.as_ref()) else {
        return QueueingHint::Queue;
    };
    (claim.metadata.namespace == pod.namespace() && pod.claims.contains(&claim.metadata.name)).into()
}

fn after_class(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.class() else {
        return QueueingHint::Queue;
    };
    let topologies = |class: &Arc<StorageClass>| class.allowed_topologies.clone();
    (change.old.is_none() || change.old.as_ref().map(topologies) != change.new.as_ref().map(topologies)).into()
}

fn after_csi_node(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    const MIGRATED: &str = "storage.alpha.kubernetes.io/migrated-plugins";
    match objects.csi_node().map(|change| (&change.old, &change.new)) {
        Some((Some(old), Some(new))) => {
            (old.metadata.annotations.get(MIGRATED) != new.metadata.annotations.get(MIGRATED)).into()
        }
        _ => QueueingHint::Queue,
    }
}

fn after_driver(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.csi_driver() else {
        return QueueingHint::Queue;
    };
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return QueueingHint::Queue;
    };
    let volumes = pod.pod.spec.volumes.iter().filter_map(|volume| volume.csi.as_deref());
    let uses = volumes.into_iter().any(|csi| csi.driver == new.metadata.name);
    let told = |driver: &k8s_api::storage::v1::CSIDriver| driver.spec.storage_capacity == Some(true);
    (uses && told(old) && !told(new)).into()
}

fn after_capacity(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.capacity() else {
        return QueueingHint::Queue;
    };
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return QueueingHint::Queue;
    };
    match (limit(old), limit(new)) {
        (_, None) => QueueingHint::Skip,
        (None, Some(_)) => QueueingHint::Queue,
        (Some(old), Some(new)) => (new > old).into(),
    }
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        names::VOLUME_BINDING
    }

    extension_points!(
        as_pre_filter: PreFilter,
        as_filter: Filter,
        as_pre_score: PreScore,
        as_score: Score,
        as_reserve: Reserve,
        as_pre_bind: PreBind,
    );

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        use EventResource as R;
        let changed = ActionType::ADD | ActionType::UPDATE;
        Some(vec![
            EventHint::when(R::StorageClass, changed, after_class),
            EventHint::when(R::PersistentVolumeClaim, changed, after_claim),
            EventHint::always(R::PersistentVolume, changed),
            EventHint::always(R::Node, ActionType::ADD | ActionType::UPDATE_NODE_LABEL),
            EventHint::when(R::CSINode, changed, after_csi_node),
            EventHint::when(R::CSIDriver, ActionType::UPDATE, after_driver),
            EventHint::when(R::CSIStorageCapacity, changed, after_capacity),
        ])
    }
}

impl PreFilter for VolumeBinding {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        if pod.claims.is_empty() {
            return PreFiltered::Skip;
        }
        if let Err(error) = self.check_claims(pod) {
            return PreFiltered::Failed(Status::unresolvable(error));
        }
        let claims = match self.binder.claims_of(pod) {
            Ok(claims) => claims,
            Err(error) => return PreFiltered::Failed(Status::error(error)),
        };
        if !claims.immediate.is_empty() {
            return PreFiltered::Failed(Status::fixed(
                Code::UnschedulableAndUnresolvable,
                "pod has unbound immediate PersistentVolumeClaims",
            ));
        }
        state.insert(State(Arc::new(Shared {
            all_bound: AtomicBool::new(claims.delayed.is_empty()),
            claims,
            ..Shared::default()
        })));
        PreFiltered::AllNodes
    }
}

impl Filter for VolumeBinding {
    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Status {
        let Some(State(shared)) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        match self.binder.find(&shared.claims, &node.node) {
            Err(error) => {
                self.metrics.failed("predicate");
                Status::error(error)
            }
            Ok(Err(reasons)) => match reasons.as_slice() {
                [only] => Status::fixed(Code::UnschedulableAndUnresolvable, only),
                _ => Status::new(Code::UnschedulableAndUnresolvable, reasons),
            },
            Ok(Ok(volumes)) => {
                if !volumes.is_empty() {
                    shared.by_node.lock().insert(node.name().to_owned(), volumes);
                }
                Status::SUCCESS
            }
        }
    }
}

impl PreScore for VolumeBinding {
    fn pre_score(&self, state: &mut CycleState, _pod: &PodInfo, _nodes: &Feasible<'_>, _snapshot: &Snapshot) -> Status {
        if self.curve.is_none() || state.get::<State>().is_none() {
            return Status::SKIP;
        }
        Status::SUCCESS
    }
}

impl Score for VolumeBinding {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let (Some(curve), Some(State(shared))) = (&self.curve, context.state.get::<State>()) else {
            return Ok(());
        };
        let by_node = shared.by_node.lock();
        for (node, score) in nodes.iter().zip(scores) {
            *score = by_node.get(node.name()).map_or(0, |volumes| score_of(curve, volumes));
        }
        Ok(())
    }
}

/// What a node's volumes are worth: by class, of static bindings if there are any, else of capacities.
fn score_of(curve: &Curve, volumes: &PodVolumes) -> i64 {
    let mut classes: HashMap<&str, (i64, i64)> = HashMap::new();
    for binding in &volumes.bindings {
        let (requested, capacity) = classes.entry(&binding.volume.spec.storage_class_name).or_default();
        *requested += matching::requested(&binding.claim).value();
        *capacity += matching::capacity(&binding.volume).value();
    }
    if volumes.bindings.is_empty() {
        for provision in &volumes.provisions {
            if let Some(found) = &provision.capacity {
                let (requested, capacity) = classes.entry(class_of(&provision.claim)).or_default();
                *requested += matching::requested(&provision.claim).value();
                *capacity = found.capacity.as_ref().map_or(0, k8s_api::primitives::Quantity::value);
            }
        }
    }
    if classes.is_empty() {
        return 0;
    }
    let sum: i64 = classes
        .values()
        .map(|(requested, capacity)| curve.of_use(*requested, *capacity))
        .sum();
    (sum as f64 / classes.len() as f64).round() as i64
}

impl Reserve for VolumeBinding {
    fn reserve(&self, state: &mut CycleState, pod: &PodInfo, node: &str) -> Status {
        let Some(State(shared)) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        let mut by_node = shared.by_node.lock();
        let Some(volumes) = by_node.get_mut(node) else {
            shared.all_bound.store(true, Ordering::Relaxed);
            return Status::SUCCESS;
        };
        match self.binder.assume(pod, node, volumes) {
            Ok(all_bound) => {
                shared.all_bound.store(all_bound, Ordering::Relaxed);
                Status::SUCCESS
            }
            Err(error) => {
                self.metrics.failed("assume");
                Status::error(error)
            }
        }
    }

    fn unreserve(&self, state: &CycleState, _pod: &PodInfo, node: &str) {
        if let Some(State(shared)) = state.get::<State>()
            && let Some(volumes) = shared.by_node.lock().get(node)
        {
            self.binder.revert(volumes);
        }
    }
}

#[async_trait]
impl PreBind for VolumeBinding {
    fn pre_flight(&self, state: &CycleState, _pod: &PodInfo, node: &str) -> Status {
        let Some(State(shared)) = state.get::<State>() else {
            return Status::SKIP;
        };
        if shared.all_bound.load(Ordering::Relaxed) {
            return Status::SKIP;
        }
        if shared.by_node.lock().contains_key(node) {
            return Status::SUCCESS;
        }
        Status::error(format!("no pod volume found for node {}", quote(node)))
    }

    async fn pre_bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status {
        let Some(State(shared)) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        if shared.all_bound.load(Ordering::Relaxed) {
            return Status::SUCCESS;
        }
        let volumes = shared.by_node.lock().get(node).cloned();
        let Some(volumes) = volumes else {
            return Status::error(format!("no pod volume found for node {}", quote(node)));
        };
        match self.binder.bind(pod, node, &volumes).await {
            Ok(()) => Status::SUCCESS,
            Err(error) => {
                self.metrics.failed("bind");
                Status::error(error)
            }
        }
    }
}
