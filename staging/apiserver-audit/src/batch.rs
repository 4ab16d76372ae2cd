//! Records gathered into batches and sent at a bounded rate (upstream: `plugin/pkg/audit/buffered`).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{Backend, Event};

/// Sends a batch; retries are its own.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Sends events.
    ///
    /// # Errors
    /// They did not arrive.
    async fn send(&self, events: &[Event]) -> Result<(), String>;
}

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    /// Records that may wait; further ones are lost.
    pub buffer: usize,
    /// Most records of a batch.
    pub max_size: usize,
    /// How long a batch that is not full waits.
    pub max_wait: Duration,
    /// Batches a second.
    pub throttle_qps: f64,
    /// Batches that may go at once.
    pub throttle_burst: u32,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            buffer: 10_000,
            max_size: 400,
            max_wait: Duration::from_secs(30),
            throttle_qps: 10.0,
            throttle_burst: 15,
        }
    }
}

/// Takes records into a queue; [`Batch::run`] sends them.
pub struct Batch {
    queue: mpsc::Sender<Event>,
}

/// Grants so many a second, and some at once.
struct Throttle {
    qps: f64,
    burst: f64,
    tokens: f64,
    last: Instant,
}

impl Throttle {
    fn new(settings: &BatchSettings) -> Self {
        let burst = f64::from(settings.throttle_burst.max(1));
        Self {
            qps: settings.throttle_qps,
            burst,
            tokens: burst,
            last: Instant::now(),
        }
    }

    async fn take(&mut self) {
        if self.qps <= 0.0 {
            return;
        }
        let now = Instant::now();
        self.tokens = (self.tokens + self.qps * (now - self.last).as_secs_f64()).min(self.burst);
        self.last = now;
        self.tokens -= 1.0;
        if self.tokens < 0.0 {
            sleep_until(now + Duration::from_secs_f64(-self.tokens / self.qps)).await;
        }
    }
}

impl Batch {
    /// The queue, and the work of sending: run it as a task of its own until `stop` is cancelled. It then sends what
    /// waits and ends.
    pub fn new(
        sink: Arc<dyn EventSink>,
        settings: BatchSettings,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(settings.buffer.max(1));
        (Self { queue }, run(sink, settings, waiting, stop))
    }
}

async fn run(
    sink: Arc<dyn EventSink>,
    settings: BatchSettings,
    mut waiting: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    let mut throttle = Throttle::new(&settings);
    let most = settings.max_size.max(1);
    let mut open = true;
    while open {
        let mut batch = Vec::new();
        let first = tokio::select! {
            event = waiting.recv() => event,
            () = stop.cancelled() => None,
        };
        let deadline = Instant::now() + settings.max_wait;
        match first {
            Some(event) => batch.push(event),
            None => {
                // What came before the end is still sent.
                waiting.close();
                open = false;
            }
        }
        while batch.len() < most {
            let next = tokio::select! {
                event = waiting.recv() => event,
                () = sleep_until(deadline) => None,
                () = stop.cancelled(), if open => None,
            };
            match next {
                Some(event) => batch.push(event),
                None => break,
            }
        }
        open |= !batch.is_empty();
        if batch.is_empty() {
            continue;
        }
        throttle.take().await;
        if let Err(error) = sink.send(&batch).await {
            tracing::error!(
                "Error in audit plugin 'webhook' affecting {} audit events: {error}",
                batch.len()
            );
        }
    }
}

impl Backend for Batch {
    fn process(&self, events: &[Event]) -> bool {
        let count = events.len();
        let taken = events
            .iter()
            .filter_map(|event| self.queue.try_send(event.clone()).ok())
            .count();
        if taken < count {
            tracing::error!("audit buffer queue blocked, {} audit events lost", count - taken);
        }
        taken == count
    }
}
