//! Series of equal events in events.k8s.io/v1 (upstream: `tools/events/event_broadcaster.go`).
//!
//! The first event is written as it is, the second makes it a series, further ones are counted here and written now and
//! then. A series ends when nothing has come for six minutes. Of one series at most one write is under way; different ones
//! are written at once.

use std::collections::HashMap;
use std::time::Duration;

use k8s_api::events::v1::{Event, EventSeries};
use k8s_api::primitives::MicroTime;
use tokio::time::Instant;

use super::sink::Sink;

/// How often a running series is written.
const REFRESH: Duration = Duration::from_secs(30 * 60);
/// After how long without a further event a series ends.
const FINISH: Duration = Duration::from_secs(6 * 60);

/// What events of one series have in common.
pub(super) type Key = [String; 15];

#[derive(Default)]
pub(super) struct SeriesCache {
    running: HashMap<Key, Running>,
}

struct Running {
    event: Event,
    observed: Instant,
    written: Instant,
    writing: bool,
    /// To be written when what is under way is done.
    next: Option<Event>,
}

/// An event to be written; [`SeriesCache::written`] wants to know what became of it.
pub(super) struct Write {
    key: Key,
    event: Event,
}

impl Write {
    pub(super) async fn send(self, sink: &Sink) -> (Key, Option<Event>) {
        (self.key, sink.write_event(self.event).await)
    }
}

fn key(event: &Event) -> Key {
    let related = event.related.as_deref();
    let of_related =
        |member: fn(&k8s_api::core::v1::ObjectReference) -> &String| related.map(member).cloned().unwrap_or_default();
    [
        event.type_.clone(),
        event.action.clone(),
        event.reason.clone(),
        event.reporting_controller.clone(),
        event.reporting_instance.clone(),
        event.regarding.kind.clone(),
        event.regarding.namespace.clone(),
        event.regarding.name.clone(),
        event.regarding.uid.clone(),
        event.regarding.api_version.clone(),
        event.regarding.resource_version.clone(),
        event.regarding.field_path.clone(),
        of_related(|object| &object.kind),
        of_related(|object| &object.name),
        of_related(|object| &object.uid),
    ]
}

impl SeriesCache {
    /// Notes an event, and says whether it is to be written now.
    pub(super) fn record(&mut self, event: Event, now: Instant) -> Option<Write> {
        let key = key(&event);
        let Some(running) = self.running.get_mut(&key) else {
            let running = Running {
                event: event.clone(),
                observed: now,
                written: now,
                writing: true,
                next: None,
            };
            self.running.insert(key.clone(), running);
            return Some(Write { key, event });
        };
        running.observed = now;
        if let Some(series) = &mut running.event.series {
            series.count = series.count.saturating_add(1);
            series.last_observed_time = Some(MicroTime::now());
            return None;
        }
        running.event.series = Some(Box::new(EventSeries {
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

    /// Notes what the server made of an event, and says what is to be written next of its series.
    pub(super) fn written(&mut self, key: Key, written: Option<Event>) -> Option<Write> {
        let running = self.running.get_mut(&key)?;
        running.writing = false;
        if let Some(event) = running.next.take() {
            running.writing = true;
            return Some(Write { key, event });
        }
        match written {
            Some(written) => {
                let series = running.event.series.take();
                running.event = written;
                if series.is_some() {
                    running.event.series = series;
                }
            }
            // The next one is the first.
            None if running.event.series.is_none() => {
                self.running.remove(&key);
            }
            None => {}
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
                if let Some(written) = sink.write_event(running.event.clone()).await {
                    running.event = written;
                }
            }
        }
        self.running
            .retain(|_, running| now.saturating_duration_since(running.observed) <= FINISH);
    }
}
