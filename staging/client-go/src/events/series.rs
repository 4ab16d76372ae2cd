//! Series of equal events in events.k8s.io/v1 (upstream: `tools/events/event_broadcaster.go`).
//!
//! The first event is written as it is, the second makes it a series, further ones are counted here and written now and
//! then. A series ends when nothing has come for six minutes. Of one series at most one write is under way; different ones
//! are written at once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use k8s_api::events::v1::{Event, EventSeries};
use k8s_api::primitives::MicroTime;
use tokio::time::Instant;

use super::sink::Sink;

/// How often a running series is written.
const REFRESH: Duration = Duration::from_secs(30 * 60);
/// After how long without a further event a series ends.
const FINISH: Duration = Duration::from_secs(6 * 60);

/// What events of one series have in common. Two hashes with keys of their own, which nobody can know, stand for the words:
/// a series that is kept for minutes after its one event takes little then.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u64; 2]);

#[derive(Default)]
pub(super) struct SeriesCache {
    running: HashMap<Key, Running>,
    hashes: (RandomState, RandomState),
}

struct Running {
    /// As it was told, not as the server has it: its name is the one it was told with.
    event: Arc<Event>,
    observed: Instant,
    written: Instant,
    writing: bool,
    /// To be written when what is under way is done.
    next: Option<Arc<Event>>,
}

/// An event to be written; [`SeriesCache::written`] wants to know what became of it.
pub(super) struct Write {
    key: Key,
    event: Arc<Event>,
}

impl Write {
    /// Writes it; whether the server has taken it.
    pub(super) async fn send(self, sink: &Sink) -> (Key, bool) {
        (self.key, sink.write_event(&self.event).await)
    }
}

impl SeriesCache {
    fn key(&self, event: &Event) -> Key {
        let related = event.related.as_deref();
        let of_related =
            |member: fn(&k8s_api::core::v1::ObjectReference) -> &String| related.map_or("", |related| member(related));
        let parts: [&str; 15] = [
            &event.type_,
            &event.action,
            &event.reason,
            &event.reporting_controller,
            &event.reporting_instance,
            &event.regarding.kind,
            &event.regarding.namespace,
            &event.regarding.name,
            &event.regarding.uid,
            &event.regarding.api_version,
            &event.regarding.resource_version,
            &event.regarding.field_path,
            of_related(|object| &object.kind),
            of_related(|object| &object.name),
            of_related(|object| &object.uid),
        ];
        Key([&self.hashes.0, &self.hashes.1].map(|hash| hash.hash_one(parts)))
    }

    /// Notes an event, and says whether it is to be written now.
    pub(super) fn record(&mut self, event: Event, now: Instant) -> Option<Write> {
        let key = self.key(&event);
        let Some(running) = self.running.get_mut(&key) else {
            let event = Arc::new(event);
            let running = Running {
                event: event.clone(),
                observed: now,
                written: now,
                writing: true,
                next: None,
            };
            self.running.insert(key, running);
            return Some(Write { key, event });
        };
        running.observed = now;
        let event = Arc::make_mut(&mut running.event);
        if let Some(series) = &mut event.series {
            series.count = series.count.saturating_add(1);
            series.last_observed_time = Some(MicroTime::now());
            return None;
        }
        event.series = Some(Box::new(EventSeries {
            count: 2,
            last_observed_time: Some(MicroTime::now()),
        }));
        running.written = now;
        let event = running.event.clone();
        if running.writing {
            running.next = Some(event);
            return None;
        }
        running.writing = true;
        Some(Write { key, event })
    }

    /// Notes whether the server has taken an event, and says what is to be written next of its series.
    pub(super) fn written(&mut self, key: Key, taken: bool) -> Option<Write> {
        let running = self.running.get_mut(&key)?;
        running.writing = false;
        if let Some(event) = running.next.take() {
            running.writing = true;
            return Some(Write { key, event });
        }
        if !taken && running.event.series.is_none() {
            // The next one is the first.
            self.running.remove(&key);
        }
        None
    }

    /// Writes series that are due, and forgets those that have ended.
    pub(super) async fn refresh(&mut self, sink: &Sink, now: Instant) {
        for running in self.running.values_mut() {
            let ended = now.saturating_duration_since(running.observed) > FINISH;
            let due = now.saturating_duration_since(running.written) >= REFRESH;
            if running.event.series.is_some() && !running.writing && (ended || due) {
                running.written = now;
                // The log has what went wrong; the series goes on.
                sink.write_event(&running.event).await;
            }
        }
        self.running
            .retain(|_, running| now.saturating_duration_since(running.observed) <= FINISH);
    }
}
