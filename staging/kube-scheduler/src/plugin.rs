//! The extension points: one trait each.
//!
//! A [`Plugin`] says which of them it has. Scheduling cycles run on one thread, one after the other, and their extension
//! points are plain functions; what runs after a pod has been assumed is asynchronous.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::events::EventHint;
use crate::node_status::NodeStatuses;
use crate::{CycleState, Feasible, NodeInfo, PodInfo, Snapshot, Status};

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident $point:ident;)*) => {
        /// A plugin: a name, and the extension points it has.
        pub trait Plugin: Send + Sync + 'static {
            /// The name in configuration files, metrics and logs.
            fn name(&self) -> &'static str;

            /// The events that may make a pod schedulable that this plugin rejected. A plugin that can reject pods and
            /// names no event has its pods tried again at any event.
            fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
                None
            }

            $($(#[$doc])* fn $name(self: Arc<Self>) -> Option<Arc<dyn $point>> {
                None
            })*
        }
    };
}

points! {
    /// Before a pod enters the queue.
    as_pre_enqueue PreEnqueue;
    /// The order of the queue.
    as_queue_sort QueueSort;
    /// Before nodes are looked at.
    as_pre_filter PreFilter;
    /// Whether a node will do.
    as_filter Filter;
    /// When no node will do.
    as_post_filter PostFilter;
    /// Before nodes are scored.
    as_pre_score PreScore;
    /// How good a node is.
    as_score Score;
    /// When a node has been chosen.
    as_reserve Reserve;
    /// Whether the pod may be bound, or has to wait.
    as_permit Permit;
    /// Before the pod is bound.
    as_pre_bind PreBind;
    /// Binds the pod.
    as_bind Bind;
    /// After the pod has been bound.
    as_post_bind PostBind;
}

/// Declares the extension points of a plugin that implements their traits itself.
#[macro_export]
macro_rules! extension_points {
    ($($name:ident: $point:ident),* $(,)?) => {
        $(fn $name(self: ::std::sync::Arc<Self>) -> Option<::std::sync::Arc<dyn $crate::plugin::$point>> {
            Some(self)
        })*
    };
}

/// Before a pod enters the queue. Quick, and without waiting: it runs while the queue is locked.
pub trait PreEnqueue: Send + Sync {
    /// Success lets the pod in; anything else holds it back.
    fn pre_enqueue(&self, pod: &PodInfo) -> Status;
}

/// A pod in the queue, as far as its place in it is concerned.
pub trait Queued {
    /// The pod.
    fn pod(&self) -> &PodInfo;
    /// When it entered the queue.
    fn queued_at(&self) -> Instant;
}

/// The order of the queue. All profiles have the same.
pub trait QueueSort: Send + Sync {
    /// Less means earlier.
    fn compare(&self, a: &dyn Queued, b: &dyn Queued) -> Ordering;
}

/// What PreFilter came to.
#[derive(Debug)]
pub enum PreFiltered {
    /// Any node may do.
    AllNodes,
    /// Only these nodes may do, by name.
    Nodes(BTreeSet<String>),
    /// The plugin's Filter has nothing to do.
    Skip,
    /// No node will do, or something went wrong.
    Failed(Status),
}

/// Before nodes are looked at.
pub trait PreFilter: Send + Sync {
    /// Computes what Filter needs.
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFiltered;

    /// How the state follows pods that come and go while things are tried out.
    fn extensions(&self) -> Option<&dyn PreFilterExtensions> {
        None
    }
}

/// Keeps the state of PreFilter in step with a node whose pods are changed to try things out.
pub trait PreFilterExtensions: Send + Sync {
    /// A pod was added to the node.
    fn add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) -> Status;
    /// A pod was removed from the node.
    fn remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) -> Status;
}

/// Whether a node will do. Runs on several threads at once.
pub trait Filter: Send + Sync {
    /// Success, or why not.
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status;

    /// Whether the answer follows from the node with its pods and from what [`PodInfo::is_like`] compares, and from nothing
    /// else. It is then kept for pods that are like this one until the node changes.
    fn is_local(&self) -> bool {
        false
    }
}

/// Whether nodes with changed pods would do; for PostFilter.
pub trait FilterRunner: Send + Sync {
    /// Runs all Filters on a node, with the pods that are nominated to it.
    fn run_filters_with_nominated_pods(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status;
    /// Tells the states that a pod was added to the node.
    fn run_add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) -> Status;
    /// Tells the states that a pod was removed from the node.
    fn run_remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) -> Status;
}

/// What PostFilter works on.
pub struct PostFilterContext<'c> {
    /// The state that PreFilter left.
    pub state: &'c CycleState,
    /// The pod.
    pub pod: &'c PodInfo,
    /// All nodes.
    pub snapshot: &'c Snapshot,
    /// Why each node was rejected.
    pub statuses: &'c mut NodeStatuses,
    /// Tries nodes out.
    pub filters: &'c dyn FilterRunner,
}

/// What is to become of a pod's nominated node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nominating {
    /// It stays.
    #[default]
    Keep,
    /// It becomes this one; empty for none.
    Override(String),
}

/// When no node will do.
pub trait PostFilter: Send + Sync {
    /// Tries to make the pod schedulable. Success ends the PostFilters.
    fn post_filter(&self, context: &mut PostFilterContext<'_>) -> (Nominating, Status);
}

/// Before nodes are scored.
pub trait PreScore: Send + Sync {
    /// Computes what Score needs. `Skip` leaves the plugin's Score out.
    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, nodes: &Feasible<'_>, snapshot: &Snapshot) -> Status;
}

/// What Score works on.
#[derive(Clone, Copy)]
pub struct ScoreContext<'c> {
    /// The cycle's states.
    pub state: &'c CycleState,
    /// The pod.
    pub pod: &'c PodInfo,
    /// All nodes.
    pub snapshot: &'c Snapshot,
}

/// How good nodes are.
pub trait Score: Send + Sync {
    /// Scores nodes; `scores` is as long as `nodes`.
    ///
    /// # Errors
    /// Something went wrong; the cycle fails.
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status>;

    /// Whether a node's score follows from the node with its pods, the images of all nodes and what [`PodInfo::is_like`]
    /// compares, and from nothing else. It is then kept, before it is normalized, for pods that are like this one until the
    /// node changes.
    fn is_local(&self) -> bool {
        false
    }

    /// What becomes of the scores of all nodes together. Without it a node's score is what it is, from 0 to 100.
    fn extensions(&self) -> Option<&dyn ScoreExtensions> {
        None
    }
}

/// What becomes of the scores of all nodes together.
pub trait ScoreExtensions: Send + Sync {
    /// Brings scores into 0 to 100; `scores` is as long as `nodes`.
    ///
    /// # Errors
    /// Something went wrong; the cycle fails.
    fn normalize(&self, context: ScoreContext<'_>, nodes: &Feasible<'_>, scores: &mut [i64]) -> Result<(), Status>;
}

/// When a node has been chosen, and when nothing comes of it.
pub trait Reserve: Send + Sync {
    /// Keeps what the pod needs on the node.
    fn reserve(&self, state: &mut CycleState, pod: &PodInfo, node: &str) -> Status;
    /// Gives it back. Called whether or not `reserve` was, and more than once.
    fn unreserve(&self, state: &CycleState, pod: &PodInfo, node: &str);
}

/// Whether the pod may be bound.
pub trait Permit: Send + Sync {
    /// Success, `Wait` for at most so long, or why not.
    fn permit(&self, state: &CycleState, pod: &PodInfo, node: &str) -> (Status, Duration);
}

/// Before the pod is bound. An error sends the pod back to the queue.
#[async_trait]
pub trait PreBind: Send + Sync {
    /// Whether there will be anything to do: success if so, `Skip` if not. Quick.
    fn pre_flight(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status;
    /// Does it.
    async fn pre_bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status;
}

/// Binds the pod.
#[async_trait]
pub trait Bind: Send + Sync {
    /// Success if it is bound, `Skip` if another plugin should.
    async fn bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status;
}

/// After the pod has been bound.
pub trait PostBind: Send + Sync {
    /// Is told.
    fn post_bind(&self, state: &CycleState, pod: &PodInfo, node: &str);
}

/// Brings scores into 0 to `max` in proportion to the highest; the other way round if `reverse`.
pub fn normalize_by_max(max: i64, reverse: bool, scores: &mut [i64]) {
    let highest = scores.iter().copied().max().unwrap_or(0).max(0);
    if highest == 0 {
        if reverse {
            scores.fill(max);
        }
        return;
    }
    for score in scores {
        *score = max * *score / highest;
        if reverse {
            *score = max - *score;
        }
    }
}
