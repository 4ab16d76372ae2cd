//! Makes room for a pod by removing pods of lower priority.
//!
//! PostFilter tries out, on copies, what each node would look like without its less important pods, puts back as many of them
//! as it can ([`victims`]), and takes the node that loses least ([`selection`]). The victims are then removed beside the
//! scheduling cycle ([`executor`]), while the pod is kept out of the queue.

mod executor;
mod pdbs;
mod selection;
#[cfg(test)]
mod tests;
mod victims;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use client_go::cache::Lister;
use component_base::feature_gates::Feature;
use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use k8s_api::core::v1::Pod;
use k8s_api::policy::v1::PodDisruptionBudget;
use parking_lot::Mutex;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};
use rand::Rng as _;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::config::args::DefaultPreemptionArgs;
use scheduler_framework::events::{ActionType, EventHint, EventResource, QueueingHint};
use scheduler_framework::node_status::NodeStatuses;
use scheduler_framework::plugin::{Nominating, Plugin, PostFilter, PostFilterContext, PreEnqueue};
use scheduler_framework::{Code, FitError, NodeInfo, PodInfo, Status, extension_points, names};

use crate::context::exponential_buckets;
use crate::{PluginContext, PreemptionHost};
use executor::Executor;
use pdbs::Budget;

/// A node, and the pods that would have to go from it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: String,
    /// The pods, the most important one first.
    pub victims: Vec<Arc<PodInfo>>,
    /// How many of them a disruption budget protects.
    pub violations: i64,
}

/// The metrics of preemption.
#[derive(Clone)]
pub struct PreemptionMetrics {
    victims: Histogram,
    attempts: IntCounter,
    duration: Family<HistogramVec>,
    executions: Family<IntCounterVec>,
}

impl PreemptionMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        Self {
            victims: registry.histogram(
                MetricOpts::new("scheduler_preemption_victims", "Number of selected preemption victims")
                    .stability(Stability::Stable),
                &exponential_buckets(1.0, 2.0, 7),
            ),
            attempts: registry.counter(
                MetricOpts::new(
                    "scheduler_preemption_attempts_total",
                    "Total preemption attempts in the cluster till now",
                )
                .stability(Stability::Stable),
            ),
            duration: registry.histogram_vec(
                MetricOpts::new(
                    "scheduler_preemption_goroutines_duration_seconds",
                    "Duration in seconds for running goroutines for the preemption.",
                ),
                &["result"],
                &exponential_buckets(0.01, 2.0, 20),
            ),
            executions: registry.counter_vec(
                MetricOpts::new(
                    "scheduler_preemption_goroutines_execution_total",
                    "Number of preemption goroutines executed.",
                ),
                &["result"],
            ),
        }
    }
}

/// The plugin.
pub struct DefaultPreemption {
    args: DefaultPreemptionArgs,
    asynchronous: bool,
    pods: Lister<Pod>,
    budgets: Lister<PodDisruptionBudget>,
    host: Arc<dyn PreemptionHost>,
    executor: Arc<Executor>,
    runtime: tokio::runtime::Handle,
    options: scheduler_framework::PodOptions,
    metrics: PreemptionMetrics,
}

pub(crate) fn new(args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let args = match args {
        Some(PluginArgs::DefaultPreemption(args)) => args.clone(),
        _ => DefaultPreemptionArgs::default(),
    };
    let pods = crate::context::pods(&context.informers).lister();
    Ok(Arc::new(DefaultPreemption {
        args,
        asynchronous: context.gates.enabled(Feature::SchedulerAsyncPreemption),
        budgets: context.informers.informer().lister(),
        host: context.preemption.clone(),
        executor: Arc::new(Executor::new(context, pods.clone())),
        pods,
        runtime: context.runtime.clone(),
        options: context.pod_options(),
        metrics: context.metrics.preemption.clone(),
    }))
}

/// Whether a pod is going because it was preempted.
fn goes_by_preemption(pod: &Pod) -> bool {
    let mut conditions = pod.status.conditions.iter();
    pod.metadata.deletion_timestamp.is_some()
        && conditions
            .find(|condition| condition.type_ == "DisruptionTarget")
            .is_some_and(|condition| condition.status == "True" && condition.reason == "PreemptionByScheduler")
}

impl DefaultPreemption {
    /// Why the pod may not preempt others, if it may not.
    fn not_eligible(&self, pod: &PodInfo, context: &PostFilterContext<'_>) -> Option<&'static str> {
        if pod.pod.spec.preemption_policy.as_deref() == Some("Never") {
            return Some("not eligible due to preemptionPolicy=Never.");
        }
        let node = context.snapshot.get(pod.nominated_node())?;
        // What was nominated before turned out not to help.
        if context.statuses.get(node.slot).code() == Code::UnschedulableAndUnresolvable {
            return None;
        }
        let goes = |there: &Arc<PodInfo>| there.priority() < pod.priority() && goes_by_preemption(&there.pod);
        node.pods
            .iter()
            .any(goes)
            .then_some("not eligible due to a terminating pod on the nominated node.")
    }

    fn candidates_wanted(&self, nodes: usize) -> usize {
        let share = nodes * usize::try_from(self.args.min_candidate_nodes_percentage).unwrap_or(0) / 100;
        let least = usize::try_from(self.args.min_candidate_nodes_absolute).unwrap_or(0);
        share.max(least).min(nodes)
    }

    /// Tries nodes out until enough of them would do.
    fn dry_run(
        &self,
        pod: &PodInfo,
        context: &PostFilterContext<'_>,
        nodes: &[&NodeInfo],
    ) -> (Vec<Candidate>, NodeStatuses, Vec<String>) {
        use rayon::prelude::*;
        let budgets = Budget::all(&self.budgets);
        let wanted = self.candidates_wanted(nodes.len());
        let offset = rand::rng().random_range(0..nodes.len());
        let found = Mutex::new((Vec::<Candidate>::new(), NodeStatuses::default(), Vec::new()));
        let enough = AtomicBool::new(false);
        let try_node = |i: usize| {
            if enough.load(Ordering::Relaxed) {
                return;
            }
            let node = nodes[(offset + i) % nodes.len()];
            let outcome = victims::select(pod, node, context, &budgets);
            let mut found = found.lock();
            match outcome {
                Ok((victims, violations)) if !victims.is_empty() => {
                    found.0.push(Candidate {
                        node: node.name().to_owned(),
                        victims,
                        violations,
                    });
                    let without = found.0.iter().any(|candidate| candidate.violations == 0);
                    if without && found.0.len() >= wanted {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
                Ok(_) => {
                    let words = format!("expected at least one victim pod on node \"{}\"", node.name());
                    found.1.set(node.slot, Status::error(&words));
                    found.2.push(words);
                }
                Err(status) => {
                    if status.code() == Code::Error {
                        found.2.push(status.message());
                    }
                    found.1.set(node.slot, status);
                }
            }
        };
        if nodes.len() < 8 {
            (0..nodes.len()).for_each(try_node);
        } else {
            (0..nodes.len()).into_par_iter().for_each(try_node);
        }
        let (mut candidates, statuses, errors) = found.into_inner();
        // Those that hurt no budget go first.
        candidates.sort_by_key(|candidate| candidate.violations != 0);
        (candidates, statuses, errors)
    }

    fn preempt(&self, context: &mut PostFilterContext<'_>) -> (Nominating, Status) {
        // What the informer knows may be newer than what was scheduled.
        let pod = match self.pods.require(context.pod.namespace(), context.pod.name()) {
            Ok(pod) => Arc::new(PodInfo::new(pod, self.options)),
            Err(error) => return (Nominating::Keep, Status::error(error)),
        };
        if let Some(reason) = self.not_eligible(&pod, context) {
            return (Nominating::Keep, Status::fixed(Code::Unschedulable, reason));
        }
        let all = context.snapshot.len();
        if all == 0 {
            return (Nominating::Keep, Status::error("no nodes available"));
        }
        let nodes = context.statuses.nodes_with(Code::Unschedulable, context.snapshot);
        let (candidates, statuses, errors) = if nodes.is_empty() {
            (Vec::new(), NodeStatuses::default(), Vec::new())
        } else {
            self.dry_run(&pod, context, &nodes)
        };
        if candidates.is_empty() {
            if !errors.is_empty() {
                return (Nominating::Keep, Status::error(errors.join(", ")));
            }
            return (Nominating::Override(String::new()), unhelpful(all, statuses));
        }
        let candidates = match self.host.process_preemption(&pod, candidates, context.snapshot) {
            Ok(candidates) => candidates,
            Err(status) => return (Nominating::Keep, status),
        };
        let Some(best) = selection::best(candidates) else {
            let words = "no candidate node for preemption";
            return (Nominating::Keep, Status::fixed(Code::Unschedulable, words));
        };
        tracing::debug!(
            node = best.node,
            pod = pod.key(),
            "the target node for the preemption is determined"
        );
        let node = best.node.clone();
        if self.asynchronous {
            self.executor.clone().start(best, pod, &self.runtime);
        } else if let Err(error) = self.runtime.block_on(self.executor.execute(&best, &pod)) {
            return (Nominating::Keep, Status::error(error));
        }
        (Nominating::Override(node), Status::SUCCESS)
    }
}

/// What is said when no node would do even without its less important pods.
fn unhelpful(all: usize, mut statuses: NodeStatuses) -> Status {
    statuses.set_absent(Status::fixed(
        Code::UnschedulableAndUnresolvable,
        "Preemption is not helpful for scheduling",
    ));
    let mut error = FitError {
        all_nodes: all,
        ..FitError::default()
    };
    error.diagnosis.statuses = statuses;
    Status::new(Code::Unschedulable, [error.to_string()])
}

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        names::DEFAULT_PREEMPTION
    }

    extension_points!(as_pre_enqueue: PreEnqueue, as_post_filter: PostFilter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        // The pod comes back by itself; the event only makes PreEnqueue look again.
        self.asynchronous.then(|| {
            vec![EventHint::when(EventResource::Pod, ActionType::DELETE, |_, _| {
                QueueingHint::Skip
            })]
        })
    }
}

impl PreEnqueue for DefaultPreemption {
    fn pre_enqueue(&self, pod: &PodInfo) -> Status {
        if self.asynchronous && self.executor.is_preempting(pod.uid()) {
            return Status::fixed(
                Code::UnschedulableAndUnresolvable,
                "waiting for the preemption for this pod to be finished",
            );
        }
        Status::SUCCESS
    }
}

impl PostFilter for DefaultPreemption {
    fn post_filter(&self, context: &mut PostFilterContext<'_>) -> (Nominating, Status) {
        self.metrics.attempts.inc();
        let (nominating, status) = self.preempt(context);
        if status.reasons().len() == 0 {
            return (nominating, status);
        }
        let message = format!("preemption: {status}");
        (nominating, Status::new(status.code(), [message]))
    }
}
