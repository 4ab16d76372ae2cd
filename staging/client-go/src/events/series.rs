//! Series of equal events in events.k8s.io/v1 (upstream: `tools/events/event_broadcaster.go`).
//!
//! The first event is written as it is, the second makes it a series, further ones are counted here and written now and
//! then. A series ends when nothing has come for six minutes.

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
type Key = [String; 12];

#[derive(Default)]
pub(super) struct SeriesCache {
    running: HashMap<Key, Running>,
}

struct Running {
    event: Event,
    observed: Instant,
    written: Instant,
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
        of_related(|object| &object.kind),
        of_related(|object| &object.name),
        of_related(|object| &object.uid),
    ]
}

impl SeriesCache {
    pub(super) async fn record(&mut self, event: Event, sink: &Sink, now: Instant) {
        let key = key(&event);
        let Some(running) = self.running.get_mut(&key) else {
            if let Some(event) = sink.write_event(event).await {
                self.running.insert(
                    key,
                    Running {
                        event,
                        observed: now,
                        written: now,
                    },
                );
            }
            return;
        };
        running.observed = now;
        if let Some(series) = &mut running.event.series {
            series.count = series.count.saturating_add(1);
            series.last_observed_time = Some(MicroTime::now());
            return;
        }
        running.event.series = Some(Box::new(EventSeries {
            count: 2,
            last_observed_time: Some(MicroTime::now()),
        }));
        running.written = now;
        if let Some(written) = sink.write_event(running.event.clone()).await {
            running.event = written;
        }
    }

    /// Writes series that are due, and forgets those that have ended.
    pub(super) async fn refresh(&mut self, sink: &Sink, now: Instant) {
        for running in self.running.values_mut() {
            let ended = now.saturating_duration_since(running.observed) > FINISH;
            let due = now.saturating_duration_since(running.written) >= REFRESH;
            if running.event.series.is_some() && (ended || due) {
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
