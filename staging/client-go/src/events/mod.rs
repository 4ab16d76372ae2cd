//! Events: what components tell of objects (upstream: `tools/record` for core/v1, `tools/events` for events.k8s.io/v1).
//!
//! **Invariants.** Recording never waits: when the queue is full the event is dropped and counted in the log. What is written
//! to events.k8s.io is taken out of the queue at once, however many writes are under way, so that nothing is dropped for the
//! server's slowness. Similar events become one with a count, and a source that tells too much of one object is cut off.

mod correlator;
mod recorder;
mod series;
mod sink;
#[cfg(test)]
mod tests;

pub use recorder::{EventRecorder, EventType, reference};

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::rest::Client;
use correlator::Correlator;
use recorder::Recorded;
use series::{Key, SeriesCache, Write};
use sink::Sink;

/// Events that wait to be written.
const QUEUE: usize = 1000;
/// How often series are looked at.
const SERIES_PERIOD: Duration = Duration::from_secs(60);
/// How many different series are written at once; others wait.
const WRITES: usize = 64;
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
        let mut writer = Writer {
            api,
            sink: &sink,
            correlator: Correlator::default(),
            series: SeriesCache::default(),
            writes: FuturesUnordered::new(),
            waiting: VecDeque::new(),
        };
        let mut period = interval(SERIES_PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((key, taken)) = writer.writes.next() => writer.written(key, taken),
                recorded = queue.recv() => match recorded {
                    Some(recorded) => writer.write(recorded).await,
                    None => break,
                },
                _ = period.tick() => writer.series.refresh(&sink, Instant::now()).await,
            }
        }
        queue.close();
        let rest = async {
            while let Some(recorded) = queue.recv().await {
                writer.write(recorded).await;
            }
            while !writer.writes.is_empty() {
                writer.finish_one().await;
            }
        };
        if tokio::time::timeout(DRAIN, rest).await.is_err() {
            tracing::warn!("events were dropped because the program ends");
        }
    }
}

struct Writer<'s> {
    api: EventApi,
    sink: &'s Sink,
    correlator: Correlator,
    series: SeriesCache,
    writes: FuturesUnordered<BoxFuture<'s, (Key, bool)>>,
    /// To be written when others have been.
    waiting: VecDeque<Write>,
}

impl Writer<'_> {
    async fn write(&mut self, recorded: Recorded) {
        match self.api {
            EventApi::Core => {
                if let Some(event) = self.correlator.correlate(recorded.into_core(), Instant::now())
                    && let Some(written) = self.sink.write_core(event).await
                {
                    self.correlator.written(&written);
                }
            }
            EventApi::Events => {
                if let Some(write) = self.series.record(recorded.into_event(), Instant::now()) {
                    self.waiting.push_back(write);
                    self.begin();
                }
            }
        }
    }

    fn written(&mut self, key: Key, taken: bool) {
        let next = self.series.written(key, taken);
        self.waiting.extend(next);
        self.begin();
    }

    fn begin(&mut self) {
        let free = WRITES.saturating_sub(self.writes.len()).min(self.waiting.len());
        let writes = self.waiting.drain(..free);
        self.writes.extend(writes.map(|write| write.send(self.sink).boxed()));
    }

    async fn finish_one(&mut self) {
        if let Some((key, taken)) = self.writes.next().await {
            self.written(key, taken);
        }
    }
}
