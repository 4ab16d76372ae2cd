//! [`WorkQueue`]: deduplicating, delaying, rate-limited.
//!
//! There is no task behind it: keys that wait become ready when a worker asks, and a worker that waits wakes up for them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::metrics::{QueueMetrics, Running, WorkQueueMetrics};
use super::rate_limiter::{RateLimiter, default_limiter};

/// What keys can do.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {}
impl<K: Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

/// Keys that wait to be reconciled; clones are the same queue.
pub struct WorkQueue<K> {
    inner: Arc<Inner<K>>,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

struct Inner<K> {
    state: Mutex<State<K>>,
    ready: Notify,
    drained: Notify,
    limiter: Box<dyn RateLimiter<K>>,
    metrics: Option<QueueMetrics>,
}

struct State<K> {
    queue: VecDeque<K>,
    /// In the queue, or to be put there when its worker is done; since when.
    dirty: HashMap<K, Instant>,
    processing: HashMap<K, Instant>,
    waiting: Waiting<K>,
    shutting_down: bool,
}

/// Keys that are to come at a moment of the future.
struct Waiting<K> {
    heap: BinaryHeap<Reverse<Entry<K>>>,
    /// The moment that counts; entries of the heap with another one are stale.
    moments: HashMap<K, Instant>,
}

struct Entry<K> {
    moment: Instant,
    key: K,
}

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.moment == other.moment
    }
}

impl<K> Eq for Entry<K> {}

impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Entry<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.moment.cmp(&other.moment)
    }
}

impl<K: Key> Waiting<K> {
    fn insert(&mut self, key: K, moment: Instant) {
        if self.moments.get(&key).is_some_and(|present| *present <= moment) {
            return;
        }
        self.moments.insert(key.clone(), moment);
        self.heap.push(Reverse(Entry { moment, key }));
    }

    /// A key whose moment has come.
    fn pop_due(&mut self, now: Instant) -> Option<K> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            let stale = self.moments.get(&entry.key) != Some(&entry.moment);
            if !stale && entry.moment > now {
                return None;
            }
            let Reverse(entry) = self.heap.pop().expect("the heap has a first entry");
            if !stale {
                self.moments.remove(&entry.key);
                return Some(entry.key);
            }
        }
        None
    }

    fn next_moment(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.moment)
    }
}

impl<K: Key> WorkQueue<K> {
    /// A queue with the limits of [`default_limiter`].
    #[must_use]
    pub fn new(name: &str, metrics: Option<&WorkQueueMetrics>) -> Self {
        Self::with_limiter(name, metrics, default_limiter())
    }

    /// A queue with limits of its own.
    #[must_use]
    pub fn with_limiter(
        name: &str,
        metrics: Option<&WorkQueueMetrics>,
        limiter: impl RateLimiter<K> + 'static,
    ) -> Self {
        let state = State {
            queue: VecDeque::new(),
            dirty: HashMap::new(),
            processing: HashMap::new(),
            waiting: Waiting {
                heap: BinaryHeap::new(),
                moments: HashMap::new(),
            },
            shutting_down: false,
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            ready: Notify::new(),
            drained: Notify::new(),
            limiter: Box::new(limiter),
            metrics: metrics.map(|metrics| metrics.queue(name)),
        });
        if let Some(metrics) = metrics {
            let running: Arc<dyn Running> = inner.clone();
            metrics.watch(name, Arc::downgrade(&running));
        }
        Self { inner }
    }

    /// Adds a key, unless it waits in the queue already.
    pub fn add(&self, key: K) {
        let mut state = self.inner.state.lock();
        self.inner.add(&mut state, key);
    }

    /// Adds a key after a pause. If it waits for its time already, the earlier time counts.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            self.add(key);
            return;
        }
        let mut state = self.inner.state.lock();
        if state.shutting_down {
            return;
        }
        if let Some(metrics) = &self.inner.metrics {
            metrics.retries.inc();
        }
        // Delays without end, as hundreds of years, are for ever.
        let now = Instant::now();
        let moment = now
            .checked_add(delay)
            .unwrap_or(now + Duration::from_secs(u64::from(u32::MAX)));
        state.waiting.insert(key, moment);
        self.inner.ready.notify_one();
    }

    /// Adds a key after the pause that its failures call for.
    pub fn add_rate_limited(&self, key: K) {
        let delay = self.inner.limiter.when(&key);
        self.add_after(key, delay);
    }

    /// The next failure of this key is its first.
    pub fn forget(&self, key: &K) {
        self.inner.limiter.forget(key);
    }

    /// How often the key has failed since it was forgotten.
    #[must_use]
    pub fn num_requeues(&self, key: &K) -> u32 {
        self.inner.limiter.num_requeues(key)
    }

    /// How many keys are ready.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.state.lock().queue.len()
    }

    /// Whether no key is ready.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for a key; `None` once the queue is shut down and empty. [`WorkQueue::done`] must follow. Cancel safe.
    pub async fn get(&self) -> Option<K> {
        let inner = &*self.inner;
        loop {
            let ready = inner.ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            let next = {
                let mut state = inner.state.lock();
                inner.promote(&mut state);
                if let Some(key) = inner.pop(&mut state) {
                    // The next one is another worker's, whether it is ready or waits for its time.
                    if !state.queue.is_empty() || !state.waiting.heap.is_empty() {
                        inner.ready.notify_one();
                    }
                    return Some(key);
                }
                if state.shutting_down {
                    inner.ready.notify_waiters();
                    return None;
                }
                state.waiting.next_moment()
            };
            match next {
                None => ready.await,
                Some(moment) => tokio::select! {
                    () = ready => {}
                    () = sleep_until(moment) => {}
                },
            }
        }
    }

    /// The worker is done with the key; if it was added meanwhile it is ready again.
    pub fn done(&self, key: &K) {
        let inner = &*self.inner;
        let mut state = inner.state.lock();
        if let Some(started) = state.processing.remove(key)
            && let Some(metrics) = &inner.metrics
        {
            metrics.work_duration.observe(started.elapsed().as_secs_f64());
        }
        if state.dirty.contains_key(key) {
            state.queue.push_back(key.clone());
            inner.depth(&state);
            inner.ready.notify_one();
        }
        if state.processing.is_empty() && state.queue.is_empty() {
            inner.drained.notify_waiters();
        }
    }

    /// Takes no more keys; those that are ready are still given out.
    pub fn shut_down(&self) {
        self.inner.state.lock().shutting_down = true;
        self.inner.ready.notify_waiters();
        self.inner.ready.notify_one();
    }

    /// Shuts down and waits until every ready key has been worked on.
    pub async fn shut_down_with_drain(&self) {
        self.shut_down();
        loop {
            let drained = self.inner.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let state = self.inner.state.lock();
                if state.queue.is_empty() && state.processing.is_empty() {
                    return;
                }
            }
            drained.await;
        }
    }

    /// Whether the queue takes no more keys.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.inner.state.lock().shutting_down
    }
}

impl<K: Key> Inner<K> {
    fn add(&self, state: &mut State<K>, key: K) {
        if state.shutting_down || state.dirty.contains_key(&key) {
            return;
        }
        if let Some(metrics) = &self.metrics {
            metrics.adds.inc();
        }
        state.dirty.insert(key.clone(), Instant::now());
        if !state.processing.contains_key(&key) {
            state.queue.push_back(key);
            self.depth(state);
            self.ready.notify_one();
        }
    }

    fn promote(&self, state: &mut State<K>) {
        let now = Instant::now();
        while let Some(key) = state.waiting.pop_due(now) {
            self.add(state, key);
        }
    }

    fn pop(&self, state: &mut State<K>) -> Option<K> {
        let key = state.queue.pop_front()?;
        let now = Instant::now();
        let since = state.dirty.remove(&key);
        if let (Some(metrics), Some(since)) = (&self.metrics, since) {
            metrics
                .queue_duration
                .observe(now.saturating_duration_since(since).as_secs_f64());
        }
        state.processing.insert(key.clone(), now);
        self.depth(state);
        Some(key)
    }

    fn depth(&self, state: &State<K>) {
        if let Some(metrics) = &self.metrics {
            metrics.depth.set(i64::try_from(state.queue.len()).unwrap_or(i64::MAX));
        }
    }
}

impl<K: Key> Running for Inner<K> {
    fn running(&self) -> (f64, f64) {
        let state = self.state.lock();
        let seconds = state.processing.values().map(|started| started.elapsed().as_secs_f64());
        seconds.fold((0.0, 0.0), |(sum, longest), one| (sum + one, f64::max(longest, one)))
    }
}
