//! When watchers are told: at once, unless so many are still busy with what they were told last that the next events
//! would only make them write twice.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Event, Watchers};

/// What it takes to have one watcher write, however little.
const TURN: Duration = Duration::from_micros(10);
/// What it takes to bring one more event to it.
const EVENT: Duration = Duration::from_micros(6);
/// Rounds that are over sooner than the clock ticks are not waited for.
const SHORTEST: Duration = Duration::from_millis(1);
/// Events wait no longer than this, however many watch.
const LONGEST: Duration = Duration::from_millis(20);

/// The events that watchers have not been told of, and when they will be.
#[derive(Debug, Default)]
pub(super) struct Round {
    waiting: Vec<Arc<Event>>,
    /// When the last round is over.
    over: Option<Instant>,
}

impl Round {
    /// Adds events.
    pub(super) fn add(&mut self, events: Vec<Arc<Event>>) {
        if self.waiting.is_empty() {
            self.waiting = events;
        } else {
            self.waiting.extend(events);
        }
    }

    /// When watchers are to be told of what waits; `None` if nothing does.
    pub(super) fn due(&self) -> Option<Instant> {
        self.over.filter(|_| !self.waiting.is_empty())
    }

    /// Tells the watchers, if it is time.
    pub(super) fn tell_in_time(&mut self, watchers: &mut Watchers, indexed_fields: &[usize]) {
        if self.over.is_none_or(|over| over <= Instant::now()) {
            self.tell(watchers, indexed_fields);
        }
    }

    /// Tells the watchers now.
    pub(super) fn tell(&mut self, watchers: &mut Watchers, indexed_fields: &[usize]) {
        if self.waiting.is_empty() {
            return;
        }
        let told = watchers.push(&self.waiting, indexed_fields);
        self.waiting.clear();
        let times = |cost: Duration, count| cost.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let takes = times(TURN, told.watchers).saturating_add(times(EVENT, told.deliveries));
        let takes = takes.min(LONGEST);
        self.over = (takes >= SHORTEST).then(|| Instant::now() + takes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apimachinery::selectors::{FieldSelector, Selector};
    use tokio::time::{Duration, Instant, advance};

    use super::{Event, LONGEST, Round, Watchers};
    use crate::cacher::{Predicate, watchers::Registration};

    fn watchers(count: usize) -> (Watchers, Vec<Registration>) {
        let mut watchers = Watchers::default();
        let fields = FieldSelector::default();
        let everything =
            Predicate::new(false, "", Selector::EVERYTHING, &fields, &[], &[]).expect("no field is asked for");
        let registered = (0..count).map(|_| watchers.register(&everything, false)).collect();
        (watchers, registered)
    }

    fn event(revision: u64) -> Vec<Arc<Event>> {
        vec![Arc::new(Event::new(revision, None, None))]
    }

    #[tokio::test(start_paused = true)]
    async fn few_watchers_are_told_of_everything_at_once() {
        let (mut watchers, registered) = watchers(60);
        let mut round = Round::default();
        for revision in 1..=3 {
            round.add(event(revision));
            round.tell_in_time(&mut watchers, &[]);
            assert_eq!(round.due(), None);
        }
        assert!(registered.iter().all(|watcher| watcher.queue.len() == 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_many_are_told_waits_for_its_turn() {
        for (count, expected) in [(200, Duration::from_micros(3_200)), (5_000, LONGEST)] {
            let (mut watchers, registered) = watchers(count);
            let queued = |events| registered.iter().all(|watcher| watcher.queue.len() == events);
            let mut round = Round::default();
            round.add(event(1));
            round.tell_in_time(&mut watchers, &[]);
            assert!(queued(1), "the first event does not wait");
            let due = Instant::now() + expected;
            for revision in 2..=4 {
                round.add(event(revision));
                round.tell_in_time(&mut watchers, &[]);
            }
            assert!(queued(1));
            assert_eq!(round.due(), Some(due));
            advance(expected).await;
            round.tell_in_time(&mut watchers, &[]);
            assert!(queued(4), "the others come together");
            assert_eq!(round.due(), None);
            round.add(event(5));
            // Three events took longer than one.
            let longer = expected + Duration::from_micros(2 * 200 * 6);
            assert_eq!(round.due(), Some(Instant::now() + longer.min(LONGEST)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_can_be_cut_short() {
        let (mut watchers, registered) = watchers(200);
        let mut round = Round::default();
        for revision in 1..=2 {
            round.add(event(revision));
            round.tell(&mut watchers, &[]);
            assert!(registered.iter().all(|watcher| watcher.queue.len() as u64 == revision));
        }
    }
}
