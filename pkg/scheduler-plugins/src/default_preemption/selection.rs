//! Which of several nodes loses least.

use std::cmp::Reverse;

use k8s_api::primitives::Time;

use super::Candidate;
use super::victims::started;

/// Since when the most important victims have run, by the one that has run longest.
fn earliest_start(candidate: &Candidate) -> Option<Time> {
    let highest = candidate.victims.iter().map(|victim| victim.priority()).max()?;
    let most_important = candidate.victims.iter().filter(|victim| victim.priority() == highest);
    most_important.map(|victim| started(victim)).min()
}

/// The sum of the victims' priorities, shifted so that more victims are always worse.
fn priorities(candidate: &Candidate) -> i64 {
    let shifted = |priority: i32| i64::from(priority) + i64::from(i32::MAX) + 1;
    candidate.victims.iter().map(|victim| shifted(victim.priority())).sum()
}

/// The candidate with the fewest violated budgets; of those, with the lowest highest priority, the lowest sum of
/// priorities, the fewest victims, and the latest start of the most important ones. `None` of none.
pub(super) fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().min_by_key(|candidate| {
        let highest = candidate.victims.first().map_or(i32::MIN, |victim| victim.priority());
        (
            candidate.violations,
            highest,
            priorities(candidate),
            candidate.victims.len(),
            Reverse(earliest_start(candidate)),
        )
    })
}
