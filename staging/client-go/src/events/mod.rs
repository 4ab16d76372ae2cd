//! Events: what components tell of objects (upstream: `tools/record` for core/v1, `tools/events` for events.k8s.io/v1).
//!
//! **Invariants.** Recording never waits: when the queue is full the event is dropped and counted in the log. Similar events
//! become one with a count, and a source that tells too much of one object is cut off.

mod correlator;
mod recorder;
mod series;
mod sink;
#[cfg(test)]
mod tests;

pub use recorder::{EventRecorder, EventType, reference};

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::rest::Client;
use correlator::Correlator;
use recorder::Recorded;
use series::SeriesCache;
use sink::Sink;

/// Events that wait to be written.
const QUEUE: usize = 1000;
/// How often series are looked at.
const SERIES_PERIOD: Duration = Duration::from_secs(60);
/// How long the end of a program waits for its last events.
const DRAIN: Duration = Duration::from_secs(5);

/// Which API events are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventApi {
    /// `v1`, with counts: controllers and the kubelet.
    Core,
    /// `events.k8s.io/v1`, with series: the scheduler.
    Events,
}

/// Writes what its recorders tell.
pub struct EventBroadcaster {
    recorder: EventRecorder,
    queue: mpsc::Receiver<Recorded>,
    sink: Sink,
    api: EventApi,
}

impl EventBroadcaster {
    /// A broadcaster for one component. `instance` is the host for core events, the instance's name for the others.
    #[must_use]
    pub fn new(client: Client, api: EventApi, component: &str, instance: &str) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        let recorder = EventRecorder::new(sender, component, instance);
        Self {
            recorder,
            queue,
            sink: Sink::new(client),
            api,
        }
    }

    /// Tells events to this broadcaster; they are kept until it runs.
    #[must_use]
    pub fn recorder(&self) -> EventRecorder {
        self.recorder.clone()
    }

    /// Writes events until `stop`, then what is in the queue, for five seconds at most.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            recorder,
            mut queue,
            sink,
            api,
        } = self;
        drop(recorder);
        let mut correlator = Correlator::default();
        let mut series = SeriesCache::default();
        let mut period = interval(SERIES_PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                recorded = queue.recv() => match recorded {
                    Some(recorded) => write(api, recorded, &sink, &mut correlator, &mut series).await,
                    None => break,
                },
                _ = period.tick() => series.refresh(&sink, Instant::now()).await,
            }
        }
        queue.close();
        let rest = async {
            while let Some(recorded) = queue.recv().await {
                write(api, recorded, &sink, &mut correlator, &mut series).await;
            }
        };
        if tokio::time::timeout(DRAIN, rest).await.is_err() {
            tracing::warn!("events were dropped because the program ends");
        }
    }
}

async fn write(api: EventApi, recorded: Recorded, sink: &Sink, correlator: &mut Correlator, series: &mut SeriesCache) {
    match api {
        EventApi::Core => {
            if let Some(event) = correlator.correlate(recorded.into_core(), Instant::now())
                && let Some(written) = sink.write_core(event).await
            {
                correlator.written(&written);
            }
        }
        EventApi::Events => series.record(recorded.into_event(), sink, Instant::now()).await,
    }
}
