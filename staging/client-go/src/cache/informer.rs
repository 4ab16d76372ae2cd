//! [`SharedInformer`]: a store that follows the server, and its handlers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::processor::{Event, EventHandler, Note, Processor, Registration};
use super::reflector::Reflector;
use super::{Lister, ObjectKey, Store};
use crate::api::{Api, ApiObject};
use crate::rest::watch::WatchEvent;

/// Changes an object before it is stored, to save memory.
pub type Transform<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// What an informer holds, and how.
pub struct InformerOptions<T> {
    /// A label selector; empty for everything.
    pub label_selector: String,
    /// A field selector; empty for everything.
    pub field_selector: String,
    /// Changes objects before they are stored; `None` drops the managed fields.
    pub transform: Option<Transform<T>>,
    /// Whether the list comes as a watch, if the server offers that.
    pub watch_list: bool,
}

impl<T> Default for InformerOptions<T> {
    fn default() -> Self {
        Self {
            label_selector: String::new(),
            field_selector: String::new(),
            transform: None,
            watch_list: true,
        }
    }
}

/// A store that follows the server; clones are the same informer.
pub struct SharedInformer<T> {
    inner: Arc<Inner<T>>,
}

impl<T> Clone for SharedInformer<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

pub(super) struct Inner<T> {
    pub(super) api: Api<T>,
    pub(super) options: InformerOptions<T>,
    store: Arc<Store<T>>,
    /// Held while the store changes and the handlers are told, so that a new one misses and repeats nothing.
    handlers: Mutex<Handlers<T>>,
    synced: watch::Sender<bool>,
    started: AtomicBool,
    next_id: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Handlers<T> {
    processors: Vec<Processor<T>>,
    synced: bool,
}

impl<T: ApiObject> SharedInformer<T> {
    /// An informer for what `api` gives; it does nothing until it runs.
    #[must_use]
    pub fn new(api: Api<T>, options: InformerOptions<T>) -> Self {
        Self {
            inner: Arc::new(Inner {
                api,
                options,
                store: Arc::default(),
                handlers: Mutex::new(Handlers {
                    processors: Vec::new(),
                    synced: false,
                }),
                synced: watch::Sender::new(false),
                started: AtomicBool::new(false),
                next_id: AtomicU64::new(0),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<Store<T>> {
        &self.inner.store
    }

    /// A reader of the store.
    #[must_use]
    pub fn lister(&self) -> Lister<T> {
        Lister::new(self.inner.store.clone())
    }

    /// Adds an index, at any time.
    pub fn add_index(&self, name: &'static str, function: impl Fn(&T) -> Vec<String> + Send + Sync + 'static) {
        self.inner.store.add_index(name, function);
    }

    /// Adds a handler, at any time; of what is in the store it is told first. Must be called within a tokio runtime.
    pub fn add_handler(&self, handler: impl EventHandler<T>) -> Registration {
        self.add_handler_with_resync(handler, None)
    }

    /// Adds a handler that is told of everything again once a period, as updates of an object to itself.
    pub fn add_handler_with_resync(&self, handler: impl EventHandler<T>, period: Option<Duration>) -> Registration {
        let inner = &self.inner;
        let id = inner.next_id.fetch_add(1, Ordering::Relaxed);
        let weak = Arc::downgrade(inner);
        let resync = move |id| {
            if let Some(inner) = weak.upgrade() {
                inner.resync(id);
            }
        };
        let (processor, registration, task) = Processor::start(id, handler, period, inner.stop.child_token(), resync);
        let mut handlers = inner.handlers.lock();
        for object in inner.store.list() {
            processor.send(Note::Event(Event::Added { object, initial: true }));
        }
        if handlers.synced {
            processor.send(Note::Synced);
        }
        handlers.processors.push(processor);
        drop(handlers);
        inner.tasks.spawn(task);
        registration
    }

    /// Whether the store has been filled once.
    #[must_use]
    pub fn has_synced(&self) -> bool {
        *self.inner.synced.borrow()
    }

    /// Waits until the store has been filled once. False if the informer ended before.
    pub async fn wait_synced(&self) -> bool {
        let mut synced = self.inner.synced.subscribe();
        tokio::select! {
            outcome = synced.wait_for(|synced| *synced) => outcome.is_ok(),
            () = self.inner.stop.cancelled() => false,
        }
    }

    /// Follows the server until `stop`, then waits for the handlers' present events. Runs once; a second call returns.
    pub async fn run(&self, stop: CancellationToken) {
        if self.inner.started.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::select! {
            never = Reflector::new(self.inner.clone()).run() => match never {},
            () = stop.cancelled() => {}
        }
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl<T: ApiObject> Inner<T> {
    fn transformed(&self, mut object: T) -> Arc<T> {
        match &self.options.transform {
            Some(transform) => transform(&mut object),
            None => object.drop_managed_fields(),
        }
        Arc::new(object)
    }

    fn resync(&self, id: u64) {
        let handlers = self.handlers.lock();
        if let Some(processor) = handlers.processors.iter().find(|processor| processor.id == id) {
            for object in self.store.list() {
                processor.send(Note::Event(Event::Updated {
                    old: object.clone(),
                    new: object,
                }));
            }
        }
    }

    /// Takes one event of a watch.
    pub(super) fn apply(&self, event: WatchEvent<T>) {
        let mut handlers = self.handlers.lock();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let object = self.transformed(object);
                self.put(&mut handlers, ObjectKey::of(&*object), object, false);
            }
            WatchEvent::Deleted(object) => {
                let object = self.transformed(object);
                let key = ObjectKey::of(&*object);
                let present = self.store.get(key.as_str());
                // What is not there has gone already; what is newer than its end is another of the same name.
                if present.is_some_and(|present| !is_newer(&*present, &*object)) {
                    self.store.remove(&key);
                    handlers.tell(&Event::Deleted {
                        object,
                        final_state_unknown: false,
                    });
                }
            }
            WatchEvent::Bookmark { .. } => {}
        }
    }

    /// Takes everything that there is.
    pub(super) fn replace(&self, objects: Vec<T>) {
        let mut handlers = self.handlers.lock();
        let initial = !handlers.synced;
        let mut present = BTreeSet::new();
        for object in objects {
            let object = self.transformed(object);
            let key = ObjectKey::of(&*object);
            present.insert(key.clone());
            self.put(&mut handlers, key, object, initial);
        }
        for key in self.store.keys().into_iter().filter(|key| !present.contains(key)) {
            if let Some(object) = self.store.remove(&key) {
                handlers.tell(&Event::Deleted {
                    object,
                    final_state_unknown: true,
                });
            }
        }
        if initial {
            handlers.synced = true;
            handlers.processors.retain(|processor| processor.send(Note::Synced));
            self.synced.send_replace(true);
        }
    }

    fn put(&self, handlers: &mut Handlers<T>, key: ObjectKey, object: Arc<T>, initial: bool) {
        let Some(old) = self.store.get(key.as_str()) else {
            self.store.put(key, object.clone());
            handlers.tell(&Event::Added { object, initial });
            return;
        };
        if old.resource_version() == object.resource_version() || is_newer(&*old, &*object) {
            return;
        }
        if old.uid() == object.uid() {
            self.store.put(key, object.clone());
            handlers.tell(&Event::Updated { old, new: object });
            return;
        }
        // Another object of the same name: the end of the former one was missed.
        self.store.remove(&key);
        handlers.tell(&Event::Deleted {
            object: old,
            final_state_unknown: true,
        });
        self.store.put(key, object.clone());
        handlers.tell(&Event::Added { object, initial });
    }
}

impl<T: ApiObject> Handlers<T> {
    fn tell(&mut self, event: &Event<T>) {
        self.processors
            .retain(|processor| processor.send(Note::Event(event.clone())));
    }
}

/// Whether `a` is of a later revision than `b`. Revisions that are no numbers have no order.
fn is_newer<T: ApiObject>(a: &T, b: &T) -> bool {
    match (a.resource_version().parse::<u64>(), b.resource_version().parse::<u64>()) {
        (Ok(a), Ok(b)) => a > b,
        _ => false,
    }
}
