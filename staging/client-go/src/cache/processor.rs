//! Handlers, each with a queue and a task of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::api::ApiObject;

/// A change of the store.
#[derive(Debug)]
pub enum Event<T> {
    /// An object came.
    Added {
        /// The object.
        object: Arc<T>,
        /// Whether it was there already when the handler began.
        initial: bool,
    },
    /// An object changed; or nothing did, and both are the same, on a resync.
    Updated {
        /// The object before.
        old: Arc<T>,
        /// The object now.
        new: Arc<T>,
    },
    /// An object went.
    Deleted {
        /// Its last state that is known.
        object: Arc<T>,
        /// Whether it may have changed since: it went while there was no watch.
        final_state_unknown: bool,
    },
}

impl<T> Clone for Event<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Added { object, initial } => Self::Added {
                object: object.clone(),
                initial: *initial,
            },
            Self::Updated { old, new } => Self::Updated {
                old: old.clone(),
                new: new.clone(),
            },
            Self::Deleted {
                object,
                final_state_unknown,
            } => Self::Deleted {
                object: object.clone(),
                final_state_unknown: *final_state_unknown,
            },
        }
    }
}

impl<T> Event<T> {
    /// The object in its present or last state.
    #[must_use]
    pub fn object(&self) -> &Arc<T> {
        match self {
            Self::Added { object, .. } | Self::Deleted { object, .. } => object,
            Self::Updated { new, .. } => new,
        }
    }
}

/// Is told of every change. It should do little, such as adding a key to a work queue; it holds up only itself.
pub trait EventHandler<T>: Send + Sync + 'static {
    /// Is told of one change.
    fn handle(&self, event: Event<T>);
}

impl<T, F: Fn(Event<T>) + Send + Sync + 'static> EventHandler<T> for F {
    fn handle(&self, event: Event<T>) {
        self(event);
    }
}

pub(super) enum Note<T> {
    Event(Event<T>),
    /// Everything that was there at the start has been sent.
    Synced,
}

/// One handler's end of the queue.
pub(super) struct Processor<T> {
    pub(super) id: u64,
    pub(super) queue: mpsc::UnboundedSender<Note<T>>,
    stop: CancellationToken,
}

/// A handler that was added to an informer.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) synced: watch::Receiver<bool>,
    stop: CancellationToken,
}

impl Registration {
    /// Whether the handler has been told of everything that was there at the start.
    #[must_use]
    pub fn has_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Waits until it has. False if the informer ended before.
    pub async fn wait_synced(&mut self) -> bool {
        self.synced.wait_for(|synced| *synced).await.is_ok()
    }

    /// Tells the handler of nothing more.
    pub fn remove(&self) {
        self.stop.cancel();
    }
}

impl<T: ApiObject> Processor<T> {
    /// Starts a handler's task. `resync` is called once a period, and puts what there is into the queue again.
    pub(super) fn start(
        id: u64,
        handler: impl EventHandler<T>,
        period: Option<Duration>,
        stop: CancellationToken,
        resync: impl Fn(u64) + Send + 'static,
    ) -> (Self, Registration, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut receiver) = mpsc::unbounded_channel();
        let (synced_sender, synced) = watch::channel(false);
        let ended = stop.clone();
        let task = async move {
            let far = Duration::from_secs(u64::from(u32::MAX));
            let every = period.unwrap_or(far);
            let mut timer = interval_at(Instant::now() + every, every);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = ended.cancelled() => return,
                    note = receiver.recv() => match note {
                        Some(Note::Event(event)) => call(&handler, event),
                        Some(Note::Synced) => drop(synced_sender.send_replace(true)),
                        None => return,
                    },
                    _ = timer.tick(), if period.is_some() => resync(id),
                }
            }
        };
        (
            Self {
                id,
                queue,
                stop: stop.clone(),
            },
            Registration { synced, stop },
            task,
        )
    }

    /// Puts a note into the queue; false if the handler takes no more.
    pub(super) fn send(&self, note: Note<T>) -> bool {
        !self.stop.is_cancelled() && self.queue.send(note).is_ok()
    }
}

/// A panic is the handler's own; the next event finds it running.
fn call<T>(handler: &impl EventHandler<T>, event: Event<T>) {
    if catch_unwind(AssertUnwindSafe(|| handler.handle(event))).is_err() {
        tracing::error!(kind = std::any::type_name::<T>(), "an event handler panicked");
    }
}
