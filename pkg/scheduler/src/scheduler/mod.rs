//! Scheduling cycles and binding cycles.
//!
//! One thread takes pods out of the queue and finds nodes for them, one pod after the other ([`cycle`]); it waits for
//! nothing but pods. A pod that has got a node is assumed to be there, and bound in a task of its own ([`binding`]). What
//! fails goes back to the queue, with an event and a condition ([`failure`]).

mod binding;
mod cycle;
mod failure;
mod search;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use client_go::Client;
use client_go::cache::Lister;
use k8s_api::core::v1::Pod;
use scheduler_framework::plugin::Nominating;
use scheduler_framework::{FitError, PodInfo, PodOptions, Snapshot};
use scheduler_plugins::context::InMemory;

use crate::cache::Cache;
use crate::extender::Extender;
use crate::framework::waiting::BindingPods;
use crate::framework::{Answers, Profile};
use crate::metrics::Metrics;
use crate::queue::{QueuedPod, SchedulingQueue};

/// Why a cycle or a binding came to nothing.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There are no nodes.
    NoNodes,
    /// The pod fits no node.
    Fit(Box<FitError>),
    /// Something went wrong.
    Error(String),
}

impl Failure {
    /// What events and conditions say.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NoNodes => "no nodes available to schedule pods".to_owned(),
            Self::Fit(error) => error.to_string(),
            Self::Error(error) => error.clone(),
        }
    }

    /// Whether the pod was rejected, as opposed to something going wrong.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        !matches!(self, Self::Error(_))
    }
}

/// Where a pod goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The node.
    pub node: String,
    /// How many nodes were looked at.
    pub evaluated: usize,
    /// How many of them would do.
    pub feasible: usize,
}

/// What the scheduling thread, the bindings and the informers' handlers share.
pub struct Scheduler {
    /// The API server.
    pub client: Client,
    /// Nodes and the pods on them.
    pub cache: Arc<Cache>,
    /// Pods that wait.
    pub queue: Arc<SchedulingQueue>,
    /// The schedulers that run here, by name.
    pub profiles: HashMap<String, Arc<Profile>>,
    /// Webhooks that take part.
    pub extenders: Arc<[Extender]>,
    /// Pods as the API server tells of them.
    pub pods: Lister<Pod>,
    /// Pods between assumption and binding.
    pub binding_pods: Arc<BindingPods>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Where asynchronous work runs.
    pub runtime: tokio::runtime::Handle,
    /// What bears on the facts of pods.
    pub pod_options: PodOptions,
    /// How many of the nodes are looked at until enough fit; 0 for a figure that follows the size of the cluster.
    pub percentage_of_nodes_to_score: i32,
    /// Whether a node is nominated as soon as a binding will take its time (`NominatedNodeNameForExpectation`).
    pub nominate_before_binding: bool,
    /// Bindings under way; the end waits for them.
    pub bindings: tokio_util::task::TaskTracker,
    /// Pods that have been bound.
    pub bound: AtomicUsize,
}

/// The scheduling thread: what only it has.
pub struct SchedulingThread {
    scheduler: Arc<Scheduler>,
    snapshot: Snapshot,
    answers: Answers,
    /// Where in the order of nodes the next search begins, so that all nodes get their turn.
    next_start: usize,
}

impl SchedulingThread {
    /// A thread's worth of state.
    #[must_use]
    pub fn new(scheduler: Arc<Scheduler>) -> Self {
        Self {
            scheduler,
            snapshot: Snapshot::default(),
            answers: Answers::default(),
            next_start: 0,
        }
    }

    /// Schedules pods until the queue is closed.
    pub fn run(mut self) {
        while let Some(pod) = self.scheduler.queue.pop() {
            self.schedule_one(pod);
        }
    }

    /// Schedules the pods that can be taken out now; how many there were.
    pub fn run_ready(&mut self) -> usize {
        let mut count = 0;
        while let Some(pod) = self.scheduler.queue.try_pop() {
            self.schedule_one(pod);
            count += 1;
        }
        count
    }
}

impl Scheduler {
    /// Whether a pod is one of this process's.
    #[must_use]
    pub fn is_responsible(&self, pod: &Pod) -> bool {
        self.profiles.contains_key(&pod.spec.scheduler_name)
    }

    fn profile(&self, pod: &PodInfo) -> Option<&Arc<Profile>> {
        self.profiles.get(&pod.pod.spec.scheduler_name)
    }

    /// Takes a pod out that is on its way to its binding.
    #[must_use]
    pub fn reject_in_memory(&self, uid: &str, plugin: &'static str) -> InMemory {
        if let Some(waiting) = self.binding_pods.waiting(uid) {
            if waiting.reject(plugin, "preempted") {
                return InMemory::Rejected;
            }
            return InMemory::NotThere;
        }
        match self
            .binding_pods
            .cancel_pre_bind(uid, &format!("preempted by {plugin}"))
        {
            None => InMemory::NotThere,
            Some(true) => InMemory::Rejected,
            Some(false) => InMemory::TooLate,
        }
    }
}

/// A pod that failed, and what is to become of its nomination.
struct Failed {
    pod: QueuedPod,
    failure: Failure,
    nominating: Nominating,
}
