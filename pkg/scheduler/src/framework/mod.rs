//! A profile at work: runs the plugins of every extension point, in order.

mod answers;
mod build;
mod filters;
#[cfg(test)]
mod tests;
pub mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client_go::events::EventRecorder;
use prometheus::IntCounter;
use scheduler_framework::config::ExtensionPoint;
use scheduler_framework::events::EventHint;
use scheduler_framework::node_status::NodeStatuses;
use scheduler_framework::plugin::{
    Bind, Filter, Nominating, Permit, PostBind, PostFilter, PostFilterContext, PreBind, PreEnqueue, PreFilter,
    PreFiltered, PreScore, QueueSort, Reserve, Score, ScoreContext,
};
use scheduler_framework::{
    Code, CycleState, Feasible, MAX_NODE_SCORE, MIN_NODE_SCORE, NodeInfo, PluginSet, PodInfo, Snapshot, Status,
};

pub(crate) use answers::Verdict;
pub use answers::{Answers, Known};
pub use build::{ProfileError, Registry, build, in_tree};
pub use filters::Filters;

use crate::metrics::{Metrics, PointDurations};

/// The longest that a plugin may let a pod wait at Permit.
const MAX_PERMIT_WAIT: Duration = Duration::from_secs(15 * 60);

/// A plugin and its name.
pub(crate) struct Named<P: ?Sized> {
    pub(crate) name: &'static str,
    pub(crate) plugin: Arc<P>,
}

pub(crate) struct Scorer {
    pub(crate) name: &'static str,
    pub(crate) weight: i64,
    pub(crate) plugin: Arc<dyn Score>,
}

impl Scorer {
    fn failed(&self, status: &Status) -> String {
        format!("running Score plugins: plugin \"{}\" failed with: {status}", self.name)
    }

    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), String> {
        let scored = self.plugin.score(context, nodes, scores);
        scored.map_err(|status| self.failed(&status))
    }

    /// Adds the weighted scores to sums, after a look whether they are such as they must be.
    fn add(&self, scores: &[i64], sums: &mut [i64]) -> Result<(), Status> {
        let valid = MIN_NODE_SCORE..=MAX_NODE_SCORE;
        if let Some(score) = scores.iter().find(|score| !valid.contains(score)) {
            let name = self.name;
            return Err(Status::error(format!(
                "applying score defaultWeights on Score plugins: plugin \"{name}\" returns an invalid score {score}, it should in the range of [{MIN_NODE_SCORE}, {MAX_NODE_SCORE}] after normalizing"
            )));
        }
        for (sum, score) in sums.iter_mut().zip(scores) {
            *sum += score * self.weight;
        }
        Ok(())
    }
}

/// A profile.
pub struct Profile {
    /// The scheduler's name, which pods ask for.
    pub name: Arc<str>,
    /// Goes before the configuration's figure.
    pub percentage_of_nodes_to_score: Option<i32>,
    /// The order of the queue.
    pub queue_sort: Arc<dyn QueueSort>,
    /// The events that its plugins have registered for.
    pub hints: Vec<(&'static str, EventHint)>,
    /// Tells events in its name.
    pub recorder: EventRecorder,
    pub(crate) pre_enqueue: Vec<Named<dyn PreEnqueue>>,
    pub(crate) pre_filter: Vec<Named<dyn PreFilter>>,
    pub(crate) filter: Vec<Named<dyn Filter>>,
    pub(crate) post_filter: Vec<Named<dyn PostFilter>>,
    pub(crate) pre_score: Vec<Named<dyn PreScore>>,
    pub(crate) score: Vec<Scorer>,
    pub(crate) reserve: Vec<Named<dyn Reserve>>,
    pub(crate) permit: Vec<Named<dyn Permit>>,
    pub(crate) pre_bind: Vec<Named<dyn PreBind>>,
    pub(crate) bind: Vec<Named<dyn Bind>>,
    pub(crate) post_bind: Vec<Named<dyn PostBind>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) points: PointDurations,
    pub(crate) evaluated: Evaluated,
}

/// How often each plugin was asked, plugin by plugin.
pub(crate) struct Evaluated {
    pub(crate) pre_filter: Vec<IntCounter>,
    pub(crate) filter: Vec<IntCounter>,
    pub(crate) pre_score: Vec<IntCounter>,
    pub(crate) score: Vec<IntCounter>,
}

/// What PreFilter of all plugins came to.
pub struct PreFilterOutcome {
    /// Only these nodes may do; `None` for all.
    pub nodes: Option<BTreeSet<String>>,
    /// Success, or why no node will do.
    pub status: Status,
    /// The plugins that narrowed the nodes down.
    pub narrowing: PluginSet,
}

/// Permit's answer, when it is not success.
pub enum PermitOutcome {
    /// Go on.
    Allowed,
    /// Wait for these plugins, each for so long at most.
    Wait(BTreeMap<&'static str, Duration>),
    /// No.
    Rejected(Status),
}

impl Profile {
    pub(crate) fn timed(&self, point: ExtensionPoint, began: Instant, code: Code) {
        self.points.observe(point, code, began.elapsed());
    }

    fn measured<R>(
        &self,
        measure: bool,
        plugin: &str,
        point: ExtensionPoint,
        code: impl Fn(&R) -> Code,
        run: impl FnOnce() -> R,
    ) -> R {
        if !measure {
            return run();
        }
        let began = Instant::now();
        let outcome = run();
        self.metrics.plugin(plugin, point, code(&outcome), began.elapsed());
        outcome
    }

    /// Runs PreFilter.
    pub fn run_pre_filter(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFilterOutcome {
        let began = Instant::now();
        let outcome = self.pre_filter_each(state, pod, snapshot);
        self.timed(ExtensionPoint::PreFilter, began, outcome.status.code());
        outcome
    }

    fn pre_filter_each(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFilterOutcome {
        let mut outcome = PreFilterOutcome {
            nodes: None,
            status: Status::SUCCESS,
            narrowing: PluginSet::default(),
        };
        let measure = state.measure_plugins;
        for (Named { name, plugin }, evaluated) in self.pre_filter.iter().zip(&self.evaluated.pre_filter) {
            let code = |filtered: &PreFiltered| match filtered {
                PreFiltered::AllNodes | PreFiltered::Nodes(_) => Code::Success,
                PreFiltered::Skip => Code::Skip,
                PreFiltered::Failed(status) => status.code(),
            };
            let point = ExtensionPoint::PreFilter;
            let filtered = self.measured(measure, name, point, code, || plugin.pre_filter(state, pod, snapshot));
            if !matches!(filtered, PreFiltered::Skip) {
                evaluated.inc();
            }
            match filtered {
                PreFiltered::AllNodes => {}
                PreFiltered::Skip => state.skip_filter.insert(name),
                PreFiltered::Failed(status) if status.code() == Code::UnschedulableAndUnresolvable => {
                    outcome.status = status.with_plugin(name);
                    return outcome;
                }
                // Another plugin may have a reason that nothing can be done about.
                PreFiltered::Failed(status) if status.is_rejected() => outcome.status = status.with_plugin(name),
                PreFiltered::Failed(status) => {
                    let words = format!("running PreFilter plugin \"{name}\": {status}");
                    outcome.status = Status::error(words).with_plugin(name);
                    return outcome;
                }
                PreFiltered::Nodes(names) => {
                    outcome.narrowing.insert(name);
                    let left = match outcome.nodes.take() {
                        None => names,
                        Some(before) => before.intersection(&names).cloned().collect(),
                    };
                    let none = left.is_empty();
                    outcome.nodes = Some(left);
                    if none {
                        let plugins: Vec<_> = outcome.narrowing.iter().collect();
                        let words = match plugins.as_slice() {
                            [only] => format!("node(s) didn't satisfy plugin {only}"),
                            several => format!(
                                "node(s) didn't satisfy plugin(s) [{}] simultaneously",
                                several.join(" ")
                            ),
                        };
                        outcome.status = Status::unresolvable(words);
                        return outcome;
                    }
                }
            }
        }
        outcome
    }

    /// Counts what the Filters were asked: so many nodes were looked at, and these plugins rejected one each.
    pub(crate) fn count_filters(&self, state: &CycleState, looked_at: usize, rejected: &BTreeMap<&'static str, usize>) {
        let mut left = looked_at;
        for (Named { name, .. }, evaluated) in self.filter.iter().zip(&self.evaluated.filter) {
            if !state.skip_filter.contains(name) {
                evaluated.inc_by(u64::try_from(left).unwrap_or(u64::MAX));
                left = left.saturating_sub(rejected.get(name).copied().unwrap_or(0));
            }
        }
    }

    /// Runs PostFilter until a plugin has made the pod schedulable.
    pub fn run_post_filter(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        snapshot: &Snapshot,
        statuses: &mut NodeStatuses,
        filters: &Filters<'_>,
    ) -> (Nominating, Status) {
        let began = Instant::now();
        let mut context = PostFilterContext {
            state,
            pod,
            snapshot,
            statuses,
            filters,
        };
        let mut best = Nominating::Keep;
        let mut reasons: Vec<String> = Vec::new();
        let mut outcome = None;
        let mut rejector = "";
        for Named { name, plugin } in &self.post_filter {
            let (nominating, status) = plugin.post_filter(&mut context);
            match status.code() {
                Code::Success => outcome = Some((nominating, status)),
                Code::UnschedulableAndUnresolvable => outcome = Some((nominating, status.with_plugin(name))),
                _ if !status.is_rejected() => outcome = Some((Nominating::Keep, status.with_plugin(name))),
                _ => {
                    if nominating != Nominating::Keep {
                        best = nominating;
                    }
                    reasons.extend(status.reasons().map(str::to_owned));
                    if rejector.is_empty() {
                        rejector = name;
                    }
                }
            }
            if outcome.is_some() {
                break;
            }
        }
        let outcome =
            outcome.unwrap_or_else(|| (best, Status::new(Code::Unschedulable, reasons).with_plugin(rejector)));
        self.timed(ExtensionPoint::PostFilter, began, outcome.1.code());
        outcome
    }

    /// Runs PreScore.
    ///
    /// # Errors
    /// Something went wrong.
    pub fn run_pre_score(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        nodes: &Feasible<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), Status> {
        let began = Instant::now();
        let measure = state.measure_plugins;
        for (Named { name, plugin }, evaluated) in self.pre_score.iter().zip(&self.evaluated.pre_score) {
            let run = || plugin.pre_score(state, pod, nodes, snapshot);
            let status = self.measured(measure, name, ExtensionPoint::PreScore, Status::code, run);
            if status.is_skip() {
                state.skip_score.insert(name);
                continue;
            }
            evaluated.inc();
            if !status.is_success() {
                self.timed(ExtensionPoint::PreScore, began, Code::Error);
                return Err(Status::error(format!("running PreScore plugin \"{name}\": {status}")));
            }
        }
        self.timed(ExtensionPoint::PreScore, began, Code::Success);
        Ok(())
    }

    /// Scores nodes: the weighted sum of all plugins' scores. What is known need not be asked again.
    ///
    /// # Errors
    /// Something went wrong.
    pub fn run_score(
        &self,
        context: ScoreContext<'_>,
        nodes: &Feasible<'_>,
        known: Option<&mut Known>,
    ) -> Result<Vec<i64>, Status> {
        let began = Instant::now();
        let outcome = self.score_each(context, nodes, known);
        let code = outcome.as_ref().err().map_or(Code::Success, Status::code);
        self.timed(ExtensionPoint::Score, began, code);
        outcome
    }

    fn score_each(
        &self,
        context: ScoreContext<'_>,
        nodes: &Feasible<'_>,
        mut known: Option<&mut Known>,
    ) -> Result<Vec<i64>, Status> {
        let state = context.state;
        let asked = |scorer: &Scorer| !state.skip_score.contains(scorer.name);
        for (scorer, evaluated) in self.score.iter().zip(&self.evaluated.score) {
            if asked(scorer) {
                evaluated.inc_by(u64::try_from(nodes.len()).unwrap_or(u64::MAX));
            }
        }
        // Scores that stay what they are while their node does are kept as one sum; not where plugins are measured.
        let kept = known.is_some() && !state.measure_plugins;
        let in_sum =
            |scorer: &Scorer| kept && asked(scorer) && scorer.plugin.is_local() && scorer.plugin.extensions().is_none();
        let mut total = vec![0; nodes.len()];
        let places = self.score.iter().enumerate();
        let summed: Vec<usize> = places
            .clone()
            .filter(|(_, scorer)| in_sum(scorer))
            .map(|(at, _)| at)
            .collect();
        if let Some(known) = known.as_deref_mut().filter(|_| !summed.is_empty()) {
            let ask = |nodes: &[&NodeInfo], sums: &mut [i64]| {
                let mut scores = vec![0; nodes.len()];
                for scorer in self.score.iter().filter(|scorer| in_sum(scorer)) {
                    scores.fill(0);
                    scorer.score(context, nodes, &mut scores).map_err(Status::error)?;
                    scorer.add(&scores, sums)?;
                }
                Ok(())
            };
            known.sum(summed, nodes, &mut total, ask)?;
        }
        let mut scores = Vec::new();
        for (place, scorer) in places.filter(|(_, scorer)| asked(scorer) && !in_sum(scorer)) {
            scores.clear();
            scores.resize(nodes.len(), 0);
            let known = known.as_deref_mut().filter(|_| scorer.plugin.is_local());
            let run = || {
                let ask = |nodes: &[&NodeInfo], scores: &mut [i64]| scorer.plugin.score(context, nodes, scores);
                match known {
                    Some(known) => known
                        .score(place, nodes, &mut scores, ask)
                        .map_err(|status| scorer.failed(&status))?,
                    None => scorer.score(context, nodes.nodes(), &mut scores)?,
                }
                let Some(extensions) = scorer.plugin.extensions() else {
                    return Ok(());
                };
                extensions.normalize(context, nodes, &mut scores).map_err(|status| {
                    let name = scorer.name;
                    format!("running Normalize on Score plugins: plugin \"{name}\" failed with: {status}")
                })
            };
            let code = |outcome: &Result<(), String>| if outcome.is_ok() { Code::Success } else { Code::Error };
            self.measured(state.measure_plugins, scorer.name, ExtensionPoint::Score, code, run)
                .map_err(Status::error)?;
            scorer.add(&scores, &mut total)?;
        }
        Ok(total)
    }

    /// Runs Reserve until a plugin refuses.
    pub fn run_reserve(&self, state: &mut CycleState, pod: &PodInfo, node: &str) -> Status {
        let began = Instant::now();
        let mut outcome = Status::SUCCESS;
        for Named { name, plugin } in &self.reserve {
            let status = plugin.reserve(state, pod, node);
            if status.is_rejected() {
                outcome = status.with_plugin(name);
                break;
            }
            if !status.is_success() {
                outcome = Status::error(format!("running Reserve plugin \"{name}\": {status}"));
                break;
            }
        }
        self.timed(ExtensionPoint::Reserve, began, outcome.code());
        outcome
    }

    /// Takes back what Reserve did, last plugin first.
    pub fn run_unreserve(&self, state: &CycleState, pod: &PodInfo, node: &str) {
        for Named { plugin, .. } in self.reserve.iter().rev() {
            plugin.unreserve(state, pod, node);
        }
    }

    /// Runs Permit.
    pub fn run_permit(&self, state: &CycleState, pod: &PodInfo, node: &str) -> PermitOutcome {
        let began = Instant::now();
        let mut waits = BTreeMap::new();
        for Named { name, plugin } in &self.permit {
            let (status, wait) = plugin.permit(state, pod, node);
            if status.is_success() {
                continue;
            }
            if status.is_wait() {
                waits.insert(*name, wait.min(MAX_PERMIT_WAIT));
                continue;
            }
            self.timed(ExtensionPoint::Permit, began, status.code());
            let status = if status.is_rejected() {
                status
            } else {
                Status::error(format!("running Permit plugin \"{name}\": {status}"))
            };
            return PermitOutcome::Rejected(status.with_plugin(name));
        }
        let code = if waits.is_empty() { Code::Success } else { Code::Wait };
        self.timed(ExtensionPoint::Permit, began, code);
        if waits.is_empty() {
            PermitOutcome::Allowed
        } else {
            PermitOutcome::Wait(waits)
        }
    }

    /// Asks whether PreBind will have anything to do: success if so, `Skip` if not.
    pub fn run_pre_flights(&self, state: &mut CycleState, pod: &PodInfo, node: &str) -> Status {
        let mut outcome = Status::SKIP;
        for Named { name, plugin } in &self.pre_bind {
            let status = plugin.pre_flight(state, pod, node);
            match status.code() {
                Code::Success => outcome = Status::SUCCESS,
                Code::Skip => state.skip_pre_bind.insert(name),
                Code::Error => {
                    return Status::error(format!("running PreBindPreFlight \"{name}\": {status}"));
                }
                other => {
                    let words = "which is unsupported. It is supposed to return Success, Skip, or Error status";
                    return Status::error(format!(
                        "PreBindPreFlight {name} returned \"{}\", {words}",
                        other.as_str()
                    ));
                }
            }
        }
        outcome
    }

    /// Runs PreBind until a plugin fails.
    pub async fn run_pre_bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status {
        let began = Instant::now();
        let mut outcome = Status::SUCCESS;
        for Named { name, plugin } in &self.pre_bind {
            if state.skip_pre_bind.contains(name) {
                continue;
            }
            let status = plugin.pre_bind(state, pod, node).await;
            if status.is_rejected() {
                outcome = status.with_plugin(name);
                break;
            }
            if !status.is_success() {
                outcome = Status::error(format!("running PreBind plugin \"{name}\": {status}"));
                break;
            }
        }
        self.timed(ExtensionPoint::PreBind, began, outcome.code());
        outcome
    }

    /// Runs Bind until a plugin binds or fails.
    pub async fn run_bind(&self, state: &CycleState, pod: &PodInfo, node: &str) -> Status {
        let began = Instant::now();
        let mut outcome = Status::SKIP;
        for Named { name, plugin } in &self.bind {
            outcome = plugin.bind(state, pod, node).await;
            if outcome.is_skip() {
                continue;
            }
            if outcome.is_rejected() {
                outcome = outcome.with_plugin(name);
            } else if !outcome.is_success() {
                outcome = Status::error(format!("running Bind plugin \"{name}\": {outcome}"));
            }
            break;
        }
        self.timed(ExtensionPoint::Bind, began, outcome.code());
        outcome
    }

    /// Runs PostBind.
    pub fn run_post_bind(&self, state: &CycleState, pod: &PodInfo, node: &str) {
        for Named { plugin, .. } in &self.post_bind {
            plugin.post_bind(state, pod, node);
        }
    }
}
