//! Daemon sets: a pod on every node that fits (upstream: `pkg/controller/daemon`).
//!
//! The scheduler places the pods; the controller pins each to its node. **Invariant:** pods are made or deleted only when the
//! cache has shown everything that was made or deleted before.

mod backoff;
mod fit;
mod manage;
mod revisions;
mod status;
mod template;
#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::expectations::UidExpectations;
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::history::History;
use controller::workload::{
    Claim, Patience, PodControl, PodWaker, SyncError, controller_of, index_by_controller, owned_or_orphans, pods,
};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_api::core::v1::{Node, Pod};

use backoff::FailedPods;
use fit::NodeFit;

/// `daemonset-controller`.
pub(crate) const DAEMON_SET: Descriptor = Descriptor::new("daemonset-controller", build).aliases(&["daemonset"]);

/// The index of pods by their node.
const BY_NODE: &str = "spec.nodeName";

struct DaemonSetController {
    client: Client,
    recorder: EventRecorder,
    sets: Lister<DaemonSet>,
    pods: Lister<Pod>,
    nodes: Lister<Node>,
    history: History,
    control: PodControl,
    expectations: Arc<UidExpectations<ObjectKey>>,
    patience: Patience,
    failed_pods: FailedPods,
    queue: WorkQueue<ObjectKey>,
    node_queue: WorkQueue<ObjectKey>,
    clock: Clock,
    toleration_comparison: bool,
}

/// One reconcile of one set.
struct Sync<'a> {
    controller: &'a DaemonSetController,
    key: &'a ObjectKey,
    set: &'a DaemonSet,
    /// Every node, and whether it is for a pod of this set.
    nodes: Vec<NodeFit>,
    /// The set's pods by the node that they are on or meant for.
    pods: BTreeMap<String, Vec<Arc<Pod>>>,
    /// The hash of the present template.
    hash: String,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("daemon-set-controller").await?;
        let (controller, caches) = DaemonSetController::new(&context, client);
        let workers = usize::try_from(context.config.daemon_set_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let (queue, node_queue) = (controller.queue.clone(), controller.node_queue.clone());
            let of_nodes = controller.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            let reconcile_node = move |key| of_nodes.clone().reconcile_node(key);
            let nodes = context.run_workers(
                node_queue,
                workers,
                Retries::new("Failed to update Pods of node, will retry"),
                stop.clone(),
                reconcile_node,
            );
            let sets = context.run(
                caches,
                queue,
                workers,
                Retries::new("Failed to sync DaemonSet, will retry"),
                stop,
                reconcile,
            );
            futures::future::join(sets, nodes).await;
        })))
    }
    .boxed()
}

impl DaemonSetController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (sets, pods) = (
            context.informers.informer::<DaemonSet>(),
            context.informers.informer::<Pod>(),
        );
        let nodes = context.informers.informer::<Node>();
        let revisions = context.informers.informer::<ControllerRevision>();
        index_by_controller(&pods);
        index_by_controller(&revisions);
        pods.add_index(BY_NODE, |pod: &Pod| {
            let node = &pod.spec.node_name;
            if node.is_empty() {
                Vec::new()
            } else {
                vec![node.clone()]
            }
        });
        let recorder = context.recorder("daemonset-controller", &client);
        let this = Arc::new(Self {
            control: PodControl::new(client.clone(), recorder.clone()),
            recorder,
            history: History::new(client.clone(), revisions.lister()),
            client,
            sets: sets.lister(),
            pods: pods.lister(),
            nodes: nodes.lister(),
            expectations: Arc::default(),
            patience: Patience::default(),
            failed_pods: FailedPods::default(),
            queue: context.queue("daemonset"),
            node_queue: context.queue("daemonset-node-updates"),
            clock: context.clock.clone(),
            toleration_comparison: context.enabled(Feature::TaintTolerationComparisonOperators),
        });
        let (of_sets, of_nodes) = (this.clone(), this.clone());
        sets.add_handler(move |event| of_sets.on_set(&event));
        nodes.add_handler(move |event| of_nodes.on_node(&event));
        let waker = PodWaker::new(sets.lister(), this.queue.clone()).with_expectations(this.expectations.clone());
        pods.add_handler(move |event| waker.on_pod(event));
        let caches = CacheSync::new().and(&sets).and(&pods).and(&nodes).and(&revisions);
        (this, caches)
    }

    fn on_set(&self, event: &Event<DaemonSet>) {
        let key = ObjectKey::of(&**event.object());
        if matches!(event, Event::Deleted { .. }) {
            self.expectations.forget(&key);
        }
        self.queue.add(key);
    }

    fn on_node(&self, event: &Event<Node>) {
        match event {
            Event::Added { object, .. } => self.node_queue.add(ObjectKey::of(&**object)),
            Event::Updated { old, new } => {
                if old.metadata.labels != new.metadata.labels || old.spec.taints != new.spec.taints {
                    self.node_queue.add(ObjectKey::of(&**new));
                }
            }
            // The pods of a node that is gone are collected by others.
            Event::Deleted { .. } => {}
        }
    }

    /// Wakes the sets up for which a node has become, or is no longer, the place for a pod.
    async fn reconcile_node(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(node) = self.nodes.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        let pods = self.pods.by_index(BY_NODE, &node.metadata.name);
        for set in self.sets.list() {
            let fit = fit::Rules::of(&set, self.toleration_comparison).judge(node.clone());
            let scheduled = pods.iter().any(|pod| {
                pod.metadata.namespace == set.metadata.namespace
                    && controller_of(&pod.metadata).is_some_and(|owner| owner.uid == set.metadata.uid)
            });
            let misplaced = scheduled && (!fit.runs || set.status.number_misscheduled > 0);
            if misplaced || (fit.runs && !scheduled) {
                self.queue.add(ObjectKey::of(&*set));
            }
        }
        Ok(Outcome::Done)
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(set) = self.sets.get_key(&key) else {
            self.expectations.forget(&key);
            self.patience.forget(&key);
            return Ok(Outcome::Done);
        };
        let selects_all = set
            .spec
            .selector
            .as_ref()
            .is_some_and(|selector| selector.match_labels.is_empty() && selector.match_expressions.is_empty());
        if selects_all {
            let note = "This daemon set is selecting all pods. A non-empty selector is required.";
            self.recorder.event(&*set, EventType::Warning, "SelectingAll", note);
            return Ok(Outcome::Done);
        }
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let may_act = self.expectations.satisfied(&key);
        if let Some(wait) = self.patience.wait(&key, !may_act) {
            return Ok(Outcome::RequeueAfter(wait));
        }
        let selector = Selector::from_api(set.spec.selector.as_deref())?;
        let claim = Claim::new(&self.client, &*set, &selector);
        let known = claim.claim(self.history.list(&*set, &selector), |_| true).await?;
        let mine = claim
            .claim(owned_or_orphans(&self.pods, &set.metadata), |_| true)
            .await?;
        let revisions = self.revisions(&set, known, &mine).await?;
        let rules = fit::Rules::of(&set, self.toleration_comparison);
        let sync = Sync {
            controller: &self,
            key: &key,
            set: &set,
            nodes: self.nodes.list().into_iter().map(|node| rules.judge(node)).collect(),
            pods: by_node(&mine),
            hash: revisions.hash.clone(),
        };
        let acted = if may_act { sync.act().await } else { Ok(()) };
        let cleaned = match &acted {
            Ok(()) if may_act => self.clean_up_history(&set, &revisions.old, &mine).await,
            _ => Ok(()),
        };
        let written = sync.write_status(may_act).await;
        let errors = [acted, cleaned, written].into_iter().filter_map(Result::err);
        SyncError::collect(errors.collect()).map(|()| Outcome::Done)
    }
}

/// Pods by the node that they are on or meant for. Pods that have ended and are being deleted make room for others.
fn by_node(mine: &[Arc<Pod>]) -> BTreeMap<String, Vec<Arc<Pod>>> {
    let mut by_node: BTreeMap<String, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in mine {
        if pods::is_terminal(pod) && pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        match template::target_node(pod) {
            Some(node) => by_node.entry(node.to_owned()).or_default().push(pod.clone()),
            None => tracing::debug!(
                pod = pods::key(pod),
                "Failed to get target node name of Pod in DaemonSet"
            ),
        }
    }
    for pods in by_node.values_mut() {
        pods.sort_by(|a, b| placed_and_older_first(a, b));
    }
    by_node
}

fn placed_and_older_first(a: &Pod, b: &Pod) -> std::cmp::Ordering {
    a.spec
        .node_name
        .is_empty()
        .cmp(&b.spec.node_name.is_empty())
        .then_with(|| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp))
        .then_with(|| a.metadata.name.cmp(&b.metadata.name))
}
