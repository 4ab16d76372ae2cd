//! Evicts pods from nodes with `NoExecute` taints that they do not tolerate, or no longer
//! (upstream: `pkg/controller/tainteviction`).

mod evictions;
mod judge;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use client_go::api::DeleteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::MetricOpts;
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{Node, ObjectReference, Pod, PodCondition};
use prometheus::{Histogram, IntCounter};
use tokio::time::Instant;

use crate::BY_NODE;
use evictions::Evictions;
use judge::{Verdict, judge};

const NAME: &str = "taint-eviction-controller";
const WORKERS: usize = 8;
/// How often a deletion is tried at once, and with which pauses.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);
const BUCKETS: [f64; 12] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 120.0, 180.0, 240.0];

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// All pods of a node.
    Node(ObjectKey),
    /// One pod.
    Pod(ObjectKey),
}

struct TaintEviction {
    client: Client,
    clock: Clock,
    recorder: EventRecorder,
    pods: Lister<Pod>,
    nodes: Lister<Node>,
    evictions: Evictions,
    deletions: IntCounter,
    latency: Histogram,
}

/// Builds `taint-eviction-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("node-controller").await?;
    let pods = crate::pods(&context);
    let nodes = context.informers.informer::<Node>();
    let queue = context.queue::<Key>("noexec_taint");
    let keys = queue.clone();
    nodes.add_handler(move |event: Event<Node>| {
        if let Event::Updated { old, new } = &event
            && judge::no_execute(old).eq(judge::no_execute(new))
        {
            return;
        }
        keys.add(Key::Node(ObjectKey::of(&**event.object())));
    });
    let keys = queue.clone();
    pods.add_handler(move |event: Event<Pod>| {
        if let Event::Updated { old, new } = &event
            && old.spec.tolerations == new.spec.tolerations
            && old.spec.node_name == new.spec.node_name
        {
            return;
        }
        keys.add(Key::Pod(ObjectKey::of(&**event.object())));
    });
    let caches = CacheSync::new().and(&pods).and(&nodes);
    let this = Arc::new(TaintEviction {
        recorder: context.recorder(NAME, &client),
        client,
        clock: context.clock.clone(),
        pods: pods.lister(),
        nodes: nodes.lister(),
        evictions: Evictions::default(),
        deletions: context.metrics.counter(MetricOpts::new(
            "taint_eviction_controller_pod_deletions_total",
            "Total number of Pods deleted by TaintEvictionController since its start.",
        )),
        latency: context.metrics.histogram(
            MetricOpts::new(
                "taint_eviction_controller_pod_deletion_duration_seconds",
                "Latency, in seconds, between the time when a taint effect has been activated for the Pod and its \
                 deletion via TaintEvictionController.",
            ),
            &BUCKETS,
        ),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let that = this.clone();
        let judging = context.run(
            caches,
            queue,
            WORKERS,
            Retries::new("Error syncing item, will retry"),
            stop.clone(),
            move |key: Key| {
                let this = that.clone();
                async move {
                    this.reconcile(&key);
                    Ok::<_, Error>(Outcome::Done)
                }
            },
        );
        let evicting = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = this.evict_due() => {}
            }
        };
        futures::future::join(judging, evicting).await;
    })))
}

impl TaintEviction {
    fn reconcile(&self, key: &Key) {
        match key {
            Key::Pod(key) => match self.pods.get_key(key) {
                None => self.cancel(key),
                Some(pod) => {
                    if let Some(node) = self.nodes.get("", &pod.spec.node_name) {
                        self.judge(&pod, &node);
                    }
                }
            },
            Key::Node(key) => {
                if let Some(node) = self.nodes.get_key(key) {
                    for pod in self.pods.by_index(BY_NODE, key.name()) {
                        self.judge(&pod, &node);
                    }
                }
            }
        }
    }

    fn judge(&self, pod: &Pod, node: &Node) {
        let key = ObjectKey::of(pod);
        match judge(pod, node) {
            Verdict::Stays => self.cancel(&key),
            Verdict::Goes => {
                self.cancel(&key);
                self.evictions.schedule(key, Duration::ZERO);
            }
            Verdict::GoesAfter(tolerated) => self.evictions.schedule(key, tolerated),
        }
    }

    fn cancel(&self, key: &ObjectKey) {
        if self.evictions.cancel(key) {
            self.tell(key, "Cancelling deletion of Pod");
        }
    }

    fn tell(&self, key: &ObjectKey, what: &str) {
        let pod = ObjectReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: key.namespace().to_owned(),
            name: key.name().to_owned(),
            ..ObjectReference::default()
        };
        let note = format!("{what} {key}");
        self.recorder
            .event_for(pod, None, EventType::Normal, "TaintManagerEviction", "", note);
    }

    /// Deletes pods whose time has come, as many at once as there are.
    async fn evict_due(&self) {
        let mut under_way = futures::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                (key, due) = self.evictions.next_due() => under_way.push(self.evict(key, due)),
                Some(()) = futures::StreamExt::next(&mut under_way) => {}
            }
        }
    }

    async fn evict(&self, key: ObjectKey, due: Instant) {
        self.tell(&key, "Marking for deletion Pod");
        let mut outcome = Ok(());
        for _ in 0..ATTEMPTS {
            outcome = self.delete(&key).await;
            if outcome.is_ok() {
                self.deletions.inc();
                self.latency.observe(due.elapsed().as_secs_f64());
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.evictions.done(&key);
        if let Err(error) = outcome {
            tracing::error!(pod = %key, %error, "TaintEvictionController: timed worker failed");
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let api = self.client.namespaced::<Pod>(key.namespace());
        let pod = api.get(key.name()).await?;
        let mut status = pod.status.clone();
        let condition = PodCondition {
            type_: controller_objects::pods::DISRUPTION_TARGET.to_owned(),
            status: "True".to_owned(),
            reason: "DeletionByTaintManager".to_owned(),
            message: "Taint manager: deleting due to NoExecute taint".to_owned(),
            observed_generation: pod.metadata.generation,
            ..PodCondition::default()
        };
        if controller_objects::pods::set_condition(&mut status, condition, self.clock.now()) {
            controller_objects::pods::patch_status(&self.client, &pod, status).await?;
        }
        api.delete(key.name(), &DeleteOptions::default()).await.map(drop)
    }
}
