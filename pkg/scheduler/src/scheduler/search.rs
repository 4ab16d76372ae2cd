//! The search for nodes that will do.
//!
//! Not all nodes are looked at in a large cluster: enough of them are. Where the Filters of a pod are quick the calling
//! thread looks at one node after the other, which is quicker than sharing the work; where they turn out to be slow the rest
//! is shared.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use scheduler_framework::plugin::FilterRunner as _;
use scheduler_framework::{Code, CycleState, Diagnosis, NodeInfo, PodInfo, Status, names};

use super::{Failure, SchedulingThread};
use crate::framework::{Filters, Known, Verdict};
use scheduler_framework::config::ExtensionPoint;

/// Fewer nodes than this are all looked at.
const MIN_FEASIBLE: usize = 100;
/// The least share of nodes that is looked for, in percent.
const MIN_PERCENTAGE: usize = 5;
/// Nodes that the calling thread looks at before it is decided whether to share the rest.
const PROBE: usize = 64;
/// What the rest must be expected to take for sharing it to be worth while.
const WORTH_SHARING: Duration = Duration::from_micros(400);

/// What a search came to.
pub(super) struct Search {
    /// Nodes that will do, by slot.
    pub(super) feasible: Vec<u32>,
    pub(super) diagnosis: Diagnosis,
    /// How many nodes were looked at.
    pub(super) processed: usize,
}

/// How many nodes that will do are enough.
pub(super) fn enough(all: usize, percentage: i32) -> usize {
    if all < MIN_FEASIBLE {
        return all;
    }
    let percentage = match usize::try_from(percentage).unwrap_or(0) {
        0 => 50usize.saturating_sub(all / 125).max(MIN_PERCENTAGE),
        percentage => percentage,
    };
    (all * percentage / 100).max(MIN_FEASIBLE)
}

impl SchedulingThread {
    /// Looks for nodes from a place in the order on.
    pub(super) fn search(
        &self,
        filters: &Filters<'_>,
        state: &mut CycleState,
        pod: &PodInfo,
        start: usize,
        known: Option<&mut Known>,
    ) -> Result<Search, Failure> {
        let profile = filters.profile();
        let outcome = profile.run_pre_filter(state, pod, &self.snapshot);
        let mut diagnosis = Diagnosis {
            unschedulable_plugins: outcome.narrowing.clone(),
            ..Diagnosis::default()
        };
        if !outcome.status.is_success() {
            if !outcome.status.is_rejected() {
                return Err(Failure::Error(outcome.status.message()));
            }
            diagnosis.pre_filter_message = outcome.status.message();
            diagnosis.add_plugin_status(&outcome.status);
            diagnosis.statuses.set_absent(outcome.status);
            return Ok(Search {
                feasible: Vec::new(),
                diagnosis,
                processed: 0,
            });
        }
        if let Some(node) = self.snapshot.get(pod.nominated_node()) {
            let found = self.passing(filters, state, pod, &[node], 0, None, &mut diagnosis)?;
            let found = self.through_extenders(pod, found, &mut diagnosis)?;
            if !found.is_empty() {
                return Ok(Search {
                    processed: found.len(),
                    feasible: found,
                    diagnosis,
                });
            }
        }
        let began = Instant::now();
        let found = match &outcome.nodes {
            None => {
                let nodes = self.snapshot.shared();
                let known = known.filter(|_| !filters.has_nominated());
                self.passing(filters, state, pod, nodes, start, known, &mut diagnosis)
            }
            Some(names) => {
                let nodes: Vec<&NodeInfo> = names.iter().filter_map(|name| self.snapshot.get(name)).collect();
                let plugins: Vec<_> = outcome.narrowing.iter().collect();
                let words = format!("node(s) didn't satisfy plugin(s) [{}]", plugins.join(" "));
                diagnosis.statuses.set_absent(Status::unresolvable(words));
                self.passing(filters, state, pod, &nodes, start, None, &mut diagnosis)
            }
        };
        let code = if found.is_ok() { Code::Success } else { Code::Error };
        profile.timed(ExtensionPoint::Filter, began, code);
        let found = found?;
        let processed = found.len() + diagnosis.statuses.len();
        let feasible = self.through_extenders(pod, found, &mut diagnosis)?;
        Ok(Search {
            feasible,
            diagnosis,
            processed,
        })
    }

    fn through_extenders(
        &self,
        pod: &PodInfo,
        found: Vec<u32>,
        diagnosis: &mut Diagnosis,
    ) -> Result<Vec<u32>, Failure> {
        if self.scheduler.extenders.is_empty() || found.is_empty() {
            return Ok(found);
        }
        let before = found.len();
        let left = self
            .scheduler
            .filter_by_extenders(pod, found, &self.snapshot, &mut diagnosis.statuses)
            .map_err(Failure::Error)?;
        if left.len() != before {
            diagnosis.unschedulable_plugins.insert(names::EXTENDER);
        }
        Ok(left)
    }

    /// The nodes that pass the Filters, from a place on, until there are enough. Answers are only known where `nodes` are all
    /// nodes in their order.
    #[allow(clippy::too_many_arguments, reason = "each is a thing of its own")]
    fn passing<N: AsRef<NodeInfo> + Sync>(
        &self,
        filters: &Filters<'_>,
        state: &CycleState,
        pod: &PodInfo,
        nodes: &[N],
        start: usize,
        mut known: Option<&mut Known>,
        diagnosis: &mut Diagnosis,
    ) -> Result<Vec<u32>, Failure> {
        let profile = filters.profile();
        let scheduler = &self.scheduler;
        let percentage = profile.percentage_of_nodes_to_score;
        let percentage = percentage.unwrap_or(scheduler.percentage_of_nodes_to_score);
        let chooses = !profile.score.is_empty()
            || scheduler
                .extenders
                .iter()
                .any(|extender| extender.filters() || extender.prioritizes());
        let wanted = if chooses { enough(nodes.len(), percentage) } else { 1 };
        let start = start % nodes.len().max(1);
        let place = |i: usize| {
            let place = start + i;
            if place < nodes.len() {
                place
            } else {
                place - nodes.len()
            }
        };
        let slots = self.snapshot.order();
        let leading = filters.leading(state);
        let all_leading = leading == filters.count(state);
        let look = |known: Option<&Known>, place: usize| {
            let known = known.map_or(Verdict::Unknown, |known| known.verdict(slots[place]));
            match known {
                Verdict::Unknown => filters.run_filters_with_nominated_pods(state, pod, nodes[place].as_ref()),
                Verdict::Rejected(status) => status.clone(),
                Verdict::Passes if all_leading => Status::SUCCESS,
                Verdict::Passes => filters.run_from(leading, state, pod, nodes[place].as_ref()),
            }
        };
        // Going to the node for its slot costs more than everything else about a node that is known.
        let slot = |known: Option<&Known>, place: usize| match known {
            Some(_) => slots[place],
            None => nodes[place].as_ref().slot,
        };
        let success = Status::SUCCESS;
        let learn = |known: Option<&mut Known>, slot: u32, status: &Status| {
            if let Some(known) = known {
                let passed = filters.passed_leading(state, leading, status);
                known.learn(slot, if passed { &success } else { status });
            }
        };
        let mut feasible = Vec::with_capacity(wanted.min(nodes.len()));
        let mut rejected: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut take = |slot: u32, status: Status, feasible: &mut Vec<u32>| {
            if status.is_success() {
                feasible.push(slot);
                return Ok(());
            }
            if status.code() == Code::Error {
                return Err(Failure::Error(status.message()));
            }
            *rejected.entry(status.plugin()).or_default() += 1;
            diagnosis.add_plugin_status(&status);
            diagnosis.statuses.set(slot, status);
            Ok(())
        };
        let probe = nodes.len().min(PROBE);
        let began = Instant::now();
        let mut i = 0;
        while i < nodes.len() && feasible.len() < wanted {
            if i == probe {
                let left = u32::try_from((wanted - feasible.len()).min(nodes.len() - i)).unwrap_or(u32::MAX);
                let expected = began.elapsed() * left / u32::try_from(probe).unwrap_or(1);
                if expected > WORTH_SHARING {
                    break;
                }
            }
            let at = place(i);
            if all_leading && known.as_deref().is_some_and(|known| known.passes(slots[at])) {
                // The usual case, without a status.
                feasible.push(slots[at]);
                i += 1;
                continue;
            }
            let status = look(known.as_deref(), at);
            let slot = slot(known.as_deref(), at);
            learn(known.as_deref_mut(), slot, &status);
            take(slot, status, &mut feasible)?;
            i += 1;
        }
        let mut looked_at = i;
        if i < nodes.len() && feasible.len() < wanted {
            let missing = wanted - feasible.len();
            let answers = {
                let known = known.as_deref();
                shared(i..nodes.len(), missing, |i| look(known, place(i)))
            };
            for (i, status) in answers {
                looked_at += 1;
                let slot = slot(known.as_deref(), place(i));
                learn(known.as_deref_mut(), slot, &status);
                if status.is_success() && feasible.len() == wanted {
                    continue;
                }
                take(slot, status, &mut feasible)?;
            }
        }
        profile.count_filters(state, looked_at, &rejected);
        Ok(feasible)
    }
}

/// Looks at nodes on several threads until enough have been found or something went wrong; in order.
fn shared(
    range: std::ops::Range<usize>,
    missing: usize,
    look: impl Fn(usize) -> Status + Sync,
) -> Vec<(usize, Status)> {
    let found = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    range
        .into_par_iter()
        .with_min_len(16)
        .filter_map(|i| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let status = look(i);
            let enough = status.is_success() && found.fetch_add(1, Ordering::Relaxed) + 1 >= missing;
            if enough || status.code() == Code::Error {
                stop.store(true, Ordering::Relaxed);
            }
            Some((i, status))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_are_enough() {
        for (all, percentage, expected) in [
            (10, 30, 10),
            (1000, 0, 420),
            (1000, 40, 400),
            (6000, 0, 300),
            (6000, 40, 2400),
            (500, 10, 100),
            (1000, 100, 1000),
        ] {
            assert_eq!(enough(all, percentage), expected, "{all} {percentage}");
        }
    }

    #[test]
    fn shared_work_stops_when_there_is_enough() {
        let all = shared(3..1000, 5000, |i| {
            if i % 2 == 0 {
                Status::SUCCESS
            } else {
                Status::unresolvable("odd")
            }
        });
        assert_eq!(all.len(), 997);
        assert!(all.iter().map(|(i, _)| *i).eq(3..1000));
        let some = shared(0..100_000, 3, |_| Status::SUCCESS);
        assert!((3..100_000).contains(&some.len()), "{}", some.len());
        let error = shared(0..100_000, 100_000, |_| Status::error("x"));
        assert!(error.len() < 100_000);
    }
}
