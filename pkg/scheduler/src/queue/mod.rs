//! The pods that wait for a node.
//!
//! - *active*: to be tried, in the order of the QueueSort plugin;
//! - *back-off*: to be tried when some time has passed, or when there is nothing else to do;
//! - *unschedulable*: tried, and not to be tried again until an event may have changed something for them; or held back
//!   before the queue (*gated*).
//!
//! Events that come while a pod is out being tried are kept and held against it when it comes back. Everything is under one
//! lock, which is never held while waiting for anything but the plugins' hints.

mod backoff;
mod heap;
mod in_flight;
mod nominator;
#[cfg(test)]
mod tests;
mod unschedulable;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::cache::Lister;
use k8s_api::core::v1::Pod;
use parking_lot::{Condvar, Mutex};
use scheduler_framework::events::{Change, ClusterEvent, EventHint, EventObjects, QueueingHint};
use scheduler_framework::plugin::{Nominating, PreEnqueue, QueueSort, Queued};
use scheduler_framework::{Code, PluginSet, PodInfo};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use backoff::Backoff;
use heap::PodHeap;
use in_flight::InFlight;
pub use nominator::NominatedPods;
use nominator::Nominator;
use unschedulable::UnschedulablePods;

/// Why a pod came into a queue, for metrics.
const ATTEMPT_FAILED: &str = "ScheduleAttemptFailure";
const BACKOFF_COMPLETE: &str = "BackoffComplete";
const POP_FROM_BACKOFF: &str = "PopFromBackoffQ";

/// How often pods are looked for that have been unschedulable for too long.
const FLUSH_UNSCHEDULABLE: Duration = Duration::from_secs(30);
/// How often pods are looked for whose back-off is over.
const FLUSH_BACKOFF: Duration = Duration::from_secs(1);

/// A pod and its history in the queue.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    /// The pod.
    pub info: Arc<PodInfo>,
    /// When it came into the queue, or back into it.
    pub queued_at: Instant,
    /// How often it was tried.
    pub attempts: u32,
    /// When it could be tried first.
    pub first_attempt: Option<Instant>,
    /// How often it was rejected.
    pub unschedulable_count: u32,
    /// How often something went wrong, since it was rejected last.
    pub consecutive_errors: u32,
    /// The plugins that rejected it last.
    pub unschedulable_plugins: PluginSet,
    /// The plugins that let it wait for something.
    pub pending_plugins: PluginSet,
    /// Whether it came back because it had been unschedulable for too long.
    pub flushed: bool,
    backoff_until: Option<Instant>,
    gating_plugin: Option<&'static str>,
}

impl QueuedPod {
    fn new(info: Arc<PodInfo>, now: Instant) -> Self {
        Self {
            info,
            queued_at: now,
            attempts: 0,
            first_attempt: None,
            unschedulable_count: 0,
            consecutive_errors: 0,
            unschedulable_plugins: PluginSet::default(),
            pending_plugins: PluginSet::default(),
            flushed: false,
            backoff_until: None,
            gating_plugin: None,
        }
    }

    fn rejectors(&self) -> PluginSet {
        self.unschedulable_plugins.union(&self.pending_plugins)
    }
}

impl Queued for QueuedPod {
    fn pod(&self) -> &PodInfo {
        &self.info
    }

    fn queued_at(&self) -> Instant {
        self.queued_at
    }
}

/// What a profile has to say about its pods in the queue.
#[derive(Clone, Default)]
pub struct ProfileHooks {
    /// Plugins that may hold pods back.
    pub pre_enqueue: Vec<(&'static str, Arc<dyn PreEnqueue>)>,
    /// The events that plugins have registered for.
    pub hints: Vec<(&'static str, EventHint)>,
}

/// How the queue behaves.
#[derive(Clone)]
pub struct QueueOptions {
    /// The first back-off.
    pub initial_backoff: Duration,
    /// The longest back-off.
    pub max_backoff: Duration,
    /// After how long an unschedulable pod is tried again without an event.
    pub max_unschedulable: Duration,
    /// Whether pods that back off are tried when nothing else is to be tried (`SchedulerPopFromBackoffQ`).
    pub pop_from_backoff: bool,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(10),
            max_unschedulable: Duration::from_secs(300),
            pop_from_backoff: true,
        }
    }
}

/// What is to become of a pod after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strategy {
    Skip,
    AfterBackoff,
    Immediately,
}

struct Inner {
    active: PodHeap,
    backoff: PodHeap,
    /// Pods that back off because something went wrong; they are not tried before their time.
    error_backoff: PodHeap,
    unschedulable: UnschedulablePods,
    in_flight: InFlight,
    nominator: Nominator,
    closed: bool,
}

/// The queue.
pub struct SchedulingQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
    sort: Arc<dyn QueueSort>,
    profiles: HashMap<String, ProfileHooks>,
    options: QueueOptions,
    backoff: Backoff,
    metrics: Arc<Metrics>,
}

/// A number of pods or events, for a gauge.
fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Which of two pods goes first.
type Order<'o> = dyn Fn(&QueuedPod, &QueuedPod) -> Ordering + 'o;

impl SchedulingQueue {
    /// An empty queue. `pods` is for telling whether a pod still waits when a node is nominated to it.
    #[must_use]
    pub fn new(
        sort: Arc<dyn QueueSort>,
        profiles: HashMap<String, ProfileHooks>,
        options: QueueOptions,
        pods: Option<Lister<Pod>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            inner: Mutex::new(Inner {
                active: PodHeap::default(),
                backoff: PodHeap::default(),
                error_backoff: PodHeap::default(),
                unschedulable: UnschedulablePods::default(),
                in_flight: InFlight::default(),
                nominator: Nominator::new(pods),
                closed: false,
            }),
            changed: Condvar::new(),
            sort,
            profiles,
            backoff: Backoff::new(&options),
            options,
            metrics,
        }
    }

    fn order(&self) -> impl Fn(&QueuedPod, &QueuedPod) -> Ordering + '_ {
        |a, b| self.sort.compare(a, b)
    }

    fn backoff_order(&self) -> impl Fn(&QueuedPod, &QueuedPod) -> Ordering + '_ {
        |a, b| {
            let by_time = a.backoff_until.cmp(&b.backoff_until);
            if self.options.pop_from_backoff {
                by_time.then_with(|| self.sort.compare(a, b))
            } else {
                by_time
            }
        }
    }

    fn hooks(&self, info: &PodInfo) -> Option<&ProfileHooks> {
        self.profiles.get(&info.pod.spec.scheduler_name)
    }

    /// Publishes how many pods are where.
    fn publish(&self, inner: &Inner) {
        self.metrics.pending_active.set(count(inner.active.len()));
        self.metrics
            .pending_backoff
            .set(count(inner.backoff.len() + inner.error_backoff.len()));
        let gated = inner.unschedulable.gated();
        self.metrics
            .pending_unschedulable
            .set(count(inner.unschedulable.len() - gated));
        self.metrics.pending_gated.set(count(gated));
        self.metrics.in_flight_pods.set(count(inner.in_flight.pods()));
        self.metrics.in_flight_events.set(count(inner.in_flight.events()));
    }

    /// Runs the plugins that may hold a pod back; the one that does is noted.
    fn check_gates(&self, pod: &mut QueuedPod) {
        let Some(hooks) = self.hooks(&pod.info) else { return };
        // The plugin that held it back last is asked first.
        let last = pod.gating_plugin;
        let first = hooks.pre_enqueue.iter().filter(|(name, _)| Some(*name) == last);
        let others = hooks.pre_enqueue.iter().filter(|(name, _)| Some(*name) != last);
        for (name, plugin) in first.chain(others) {
            let status = plugin.pre_enqueue(&pod.info);
            if status.is_success() {
                continue;
            }
            if status.code() == Code::Error {
                tracing::error!(plugin = name, pod = pod.info.key(), %status, "unexpected error running PreEnqueue plugin");
            }
            if !pod.unschedulable_plugins.contains(name) && !pod.pending_plugins.contains(name) {
                self.metrics
                    .unschedulable(name, &pod.info.pod.spec.scheduler_name)
                    .inc();
            }
            pod.unschedulable_plugins.insert(name);
            pod.gating_plugin = Some(name);
            return;
        }
        pod.gating_plugin = None;
    }

    /// Puts a pod into the active queue, unless a plugin holds it back. Whether it is there then.
    fn to_active(&self, inner: &mut Inner, mut pod: QueuedPod, event: &str, checked: bool) -> bool {
        if !(checked && self.options.pop_from_backoff) {
            self.check_gates(&mut pod);
        }
        let uid = pod.info.uid().to_owned();
        if pod.gating_plugin.is_some() {
            if !inner.active.contains(&uid) && !inner.backoff.contains(&uid) && !inner.error_backoff.contains(&uid) {
                inner.unschedulable.insert(pod);
            }
            return false;
        }
        pod.first_attempt.get_or_insert_with(Instant::now);
        inner.unschedulable.remove(&uid);
        inner.backoff.remove(&uid, &self.backoff_order());
        inner.error_backoff.remove(&uid, &self.backoff_order());
        let waits =
            event == ClusterEvent::UNSCHEDULED_POD_ADD.label() || event == ClusterEvent::UNSCHEDULED_POD_UPDATE.label();
        if waits && !pod.info.nominated_node().is_empty() {
            inner.nominator.set(&pod.info, &Nominating::Keep);
        }
        inner.active.push(pod, &self.order());
        self.metrics.incoming("active", event).inc();
        true
    }

    /// Puts a pod into the back-off queue, unless a plugin holds it back. Whether it is there then.
    fn to_backoff(&self, inner: &mut Inner, mut pod: QueuedPod, event: &str) -> bool {
        if self.options.pop_from_backoff {
            self.check_gates(&mut pod);
            if pod.gating_plugin.is_some() {
                inner.unschedulable.insert(pod);
                return false;
            }
        }
        inner.unschedulable.remove(pod.info.uid());
        let queue = if pod.rejectors().is_empty() {
            &mut inner.error_backoff
        } else {
            &mut inner.backoff
        };
        queue.push(pod, &self.backoff_order());
        self.metrics.incoming("backoff", event).inc();
        true
    }

    /// Puts a pod where a strategy says. Whether it can be taken out now.
    fn requeue(&self, inner: &mut Inner, mut pod: QueuedPod, strategy: Strategy, event: &str) -> bool {
        match strategy {
            Strategy::Skip => {
                inner.unschedulable.insert(pod);
                false
            }
            Strategy::AfterBackoff if self.backoff.is_backing_off(&mut pod) => {
                self.to_backoff(inner, pod, event) && self.options.pop_from_backoff
            }
            Strategy::AfterBackoff | Strategy::Immediately => self.to_active(inner, pod, event, false),
        }
    }

    /// Adds a pod that has just come.
    pub fn add(&self, info: Arc<PodInfo>) {
        let inner = &mut *self.inner.lock();
        let pod = QueuedPod::new(info, Instant::now());
        let event = ClusterEvent::UNSCHEDULED_POD_ADD.label();
        if self.to_active(inner, pod, &event, false) {
            self.changed.notify_one();
        }
        self.publish(inner);
    }

    /// Takes the first pod out, and waits for one if there is none. `None` once the queue is closed.
    #[must_use]
    pub fn pop(&self) -> Option<QueuedPod> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(pod) = self.pop_locked(&mut inner) {
                return Some(pod);
            }
            if inner.closed {
                return None;
            }
            self.changed.wait(&mut inner);
        }
    }

    /// Takes the first pod out, if there is one.
    #[must_use]
    pub fn try_pop(&self) -> Option<QueuedPod> {
        self.pop_locked(&mut self.inner.lock())
    }

    fn pop_locked(&self, inner: &mut Inner) -> Option<QueuedPod> {
        loop {
            if inner.closed {
                return None;
            }
            let mut pod = match inner.active.pop(&self.order()) {
                Some(pod) => pod,
                None if self.options.pop_from_backoff => {
                    let pod = inner.backoff.pop(&self.backoff_order())?;
                    self.metrics.incoming("active", POP_FROM_BACKOFF).inc();
                    pod
                }
                None => return None,
            };
            pod.attempts += 1;
            for plugin in pod.rejectors().iter() {
                self.metrics
                    .unschedulable(plugin, &pod.info.pod.spec.scheduler_name)
                    .dec();
            }
            let taken = inner.in_flight.start(pod.info.uid());
            self.publish(inner);
            if taken {
                return Some(pod);
            }
            tracing::error!(
                pod = pod.info.key(),
                "the same pod is tracked in multiple places in the scheduler"
            );
        }
    }

    /// Must be told once a pod that was taken out has come to an end.
    pub fn done(&self, uid: &str) {
        let inner = &mut *self.inner.lock();
        inner.in_flight.done(uid);
        self.publish(inner);
    }

    /// What an event means for a pod that was rejected.
    fn worth(&self, pod: &QueuedPod, event: &ClusterEvent, objects: &EventObjects) -> Strategy {
        let rejectors = pod.rejectors();
        if rejectors.is_empty() {
            return Strategy::AfterBackoff;
        }
        if event.is_wild_card() {
            // With a pod, it is for that pod only.
            let target = objects.pod().and_then(Change::latest);
            let other = target.is_some_and(|target| target.uid() != pod.info.uid());
            return if other { Strategy::Skip } else { Strategy::AfterBackoff };
        }
        let Some(hooks) = self.hooks(&pod.info) else {
            return Strategy::AfterBackoff;
        };
        let mut strategy = Strategy::Skip;
        let registered = hooks.hints.iter().filter(|(_, hint)| hint.event.matches(event));
        for (plugin, hint) in registered.filter(|(plugin, _)| rejectors.contains(plugin)) {
            let began = std::time::Instant::now();
            let answer = hint
                .hint
                .as_ref()
                .map_or(QueueingHint::Queue, |hint| hint(&pod.info, objects));
            self.metrics
                .hint(plugin, &event.label(), answer.as_str(), began.elapsed());
            if answer == QueueingHint::Skip {
                continue;
            }
            if pod.pending_plugins.contains(plugin) {
                return Strategy::Immediately;
            }
            if pod.pending_plugins.is_empty() {
                return Strategy::AfterBackoff;
            }
            strategy = Strategy::AfterBackoff;
        }
        strategy
    }

    /// Puts a pod back that could not be scheduled.
    pub fn add_unschedulable(&self, mut pod: QueuedPod) {
        let inner = &mut *self.inner.lock();
        let uid = pod.info.uid().to_owned();
        let present = inner.unschedulable.contains(&uid)
            || inner.active.contains(&uid)
            || inner.backoff.contains(&uid)
            || inner.error_backoff.contains(&uid);
        if present {
            tracing::error!(pod = pod.info.key(), "pod is already present in the scheduling queue");
            inner.in_flight.done(&uid);
            return;
        }
        if pod.rejectors().is_empty() {
            pod.consecutive_errors += 1;
        } else {
            pod.unschedulable_count += 1;
            pod.consecutive_errors = 0;
        }
        pod.queued_at = Instant::now();
        pod.backoff_until = None;
        pod.flushed = false;
        for plugin in pod.rejectors().iter() {
            self.metrics
                .unschedulable(plugin, &pod.info.pod.spec.scheduler_name)
                .inc();
        }
        let strategy = self.since_taken_out(inner, &pod);
        self.backoff.set(&mut pod);
        if self.requeue(inner, pod, strategy, ATTEMPT_FAILED) {
            self.changed.notify_one();
        }
        inner.in_flight.done(&uid);
        self.publish(inner);
    }

    /// What the events mean for a pod that came while it was out.
    fn since_taken_out(&self, inner: &Inner, pod: &QueuedPod) -> Strategy {
        if pod.rejectors().is_empty() {
            return Strategy::AfterBackoff;
        }
        let Some(events) = inner.in_flight.events_since(pod.info.uid()) else {
            tracing::error!(
                pod = pod.info.key(),
                "in flight pod isn't found in the scheduling queue"
            );
            return Strategy::AfterBackoff;
        };
        let mut best = Strategy::Skip;
        for (event, objects) in events {
            best = best.max(self.worth(pod, &event, &objects));
            if best == Strategy::Immediately || (best == Strategy::AfterBackoff && pod.pending_plugins.is_empty()) {
                break;
            }
        }
        best
    }

    /// Takes in what has changed about a pod that waits. `events` is what the change means.
    pub fn update(&self, old: Option<&Arc<PodInfo>>, new: &Arc<PodInfo>, events: &[ClusterEvent]) {
        let inner = &mut *self.inner.lock();
        self.update_locked(inner, old, new, events);
        self.publish(inner);
    }

    fn update_locked(
        &self,
        inner: &mut Inner,
        old: Option<&Arc<PodInfo>>,
        new: &Arc<PodInfo>,
        events: &[ClusterEvent],
    ) {
        let objects = EventObjects::Pod(Change {
            old: old.cloned(),
            new: Some(new.clone()),
        });
        let uid = new.uid();
        if inner.in_flight.contains(uid) {
            // It will come back with what the informer knows then; the events are held against it.
            for event in events {
                inner.in_flight.add(*event, &objects);
            }
            return;
        }
        let order = self.backoff_order();
        let queues: [(&mut PodHeap, &Order<'_>); 3] = [
            (&mut inner.active, &|a: &QueuedPod, b: &QueuedPod| {
                self.sort.compare(a, b)
            }),
            (&mut inner.backoff, &order),
            (&mut inner.error_backoff, &order),
        ];
        for (queue, order) in queues {
            if let Some(pod) = queue.get(uid) {
                let mut pod = pod.clone();
                pod.info = new.clone();
                queue.push(pod, &order);
                inner.nominator.update(old.map(|old| &**old), new);
                return;
            }
        }
        if let Some(mut pod) = inner.unschedulable.remove(uid) {
            pod.info = new.clone();
            inner.nominator.update(old.map(|old| &**old), new);
            let mut best = (Strategy::Skip, "");
            let labels: Vec<_> = events.iter().map(ClusterEvent::label).collect();
            for (event, label) in events.iter().zip(&labels) {
                let strategy = self.worth(&pod, event, &objects);
                if strategy > best.0 {
                    best = (strategy, label);
                }
            }
            if self.requeue(inner, pod, best.0, best.1) {
                self.changed.notify_one();
            }
            return;
        }
        let pod = QueuedPod::new(new.clone(), Instant::now());
        let event = ClusterEvent::UNSCHEDULED_POD_UPDATE.label();
        if self.to_active(inner, pod, &event, false) {
            self.changed.notify_one();
        }
    }

    /// Forgets a pod that waits.
    pub fn delete(&self, uid: &str) {
        let inner = &mut *self.inner.lock();
        inner.nominator.remove(uid);
        if inner.active.remove(uid, &self.order()).is_none()
            && inner.backoff.remove(uid, &self.backoff_order()).is_none()
            && inner.error_backoff.remove(uid, &self.backoff_order()).is_none()
            && let Some(pod) = inner.unschedulable.remove(uid)
        {
            for plugin in pod.rejectors().iter() {
                self.metrics
                    .unschedulable(plugin, &pod.info.pod.spec.scheduler_name)
                    .dec();
            }
        }
        self.publish(inner);
    }

    fn is_of_interest(&self, event: &ClusterEvent) -> bool {
        let registered = |hooks: &ProfileHooks| hooks.hints.iter().any(|(_, hint)| hint.event.matches(event));
        event.is_wild_card() || self.profiles.values().any(registered)
    }

    /// Brings pods back that an event may help. `check` leaves pods out.
    pub fn move_all(&self, event: ClusterEvent, objects: &EventObjects, check: Option<&dyn Fn(&PodInfo) -> bool>) {
        if !self.is_of_interest(&event) {
            return;
        }
        let inner = &mut *self.inner.lock();
        if inner.unschedulable.is_empty() {
            inner.in_flight.add(event, objects);
            self.metrics.in_flight_events.set(count(inner.in_flight.events()));
            return;
        }
        let interested: HashMap<&str, Vec<&str>> = self
            .profiles
            .iter()
            .map(|(name, hooks)| {
                let plugins = hooks.hints.iter().filter(|(_, hint)| hint.event.matches(&event));
                (name.as_str(), plugins.map(|(plugin, _)| *plugin).collect())
            })
            .collect();
        let wanted = |group: &unschedulable::Group| {
            let interested = interested.get(group.scheduler.as_str()).map_or(&[][..], Vec::as_slice);
            let gate_open = group.gate.is_none_or(|gate| interested.contains(&gate));
            let concerned = event.is_wild_card()
                || group.plugins.is_empty()
                || group.plugins.iter().any(|plugin| interested.contains(&plugin));
            gate_open && concerned
        };
        let pods = inner.unschedulable.of_groups(wanted);
        self.move_pods(inner, pods, event, objects, check);
        self.publish(inner);
    }

    fn move_pods(
        &self,
        inner: &mut Inner,
        pods: Vec<String>,
        event: ClusterEvent,
        objects: &EventObjects,
        check: Option<&dyn Fn(&PodInfo) -> bool>,
    ) {
        let mut ready = false;
        let label = event.label();
        for uid in pods {
            let Some(pod) = inner.unschedulable.get(&uid) else {
                continue;
            };
            if check.is_some_and(|check| !check(&pod.info)) {
                continue;
            }
            let strategy = self.worth(pod, &event, objects);
            if strategy == Strategy::Skip {
                continue;
            }
            if let Some(pod) = inner.unschedulable.remove(&uid) {
                ready |= self.requeue(inner, pod, strategy, &label);
            }
        }
        inner.in_flight.add(event, objects);
        if ready {
            self.changed.notify_one();
        }
    }

    /// Puts a pod into the active queue, wherever it is; if it is out, once it comes back.
    pub fn activate(&self, info: &Arc<PodInfo>) {
        let inner = &mut *self.inner.lock();
        let uid = info.uid();
        let from_backoff = inner.backoff.remove(uid, &self.backoff_order());
        let from_backoff = from_backoff.or_else(|| inner.error_backoff.remove(uid, &self.backoff_order()));
        let checked = from_backoff.is_some();
        match from_backoff.or_else(|| inner.unschedulable.get(uid).cloned()) {
            Some(pod) => {
                let event = ClusterEvent::FORCE_ACTIVATE.label();
                if self.to_active(inner, pod, &event, checked) {
                    self.changed.notify_one();
                }
            }
            None if inner.in_flight.contains(uid) => {
                // With the pod: the event is for this pod only.
                let objects = EventObjects::Pod(Change {
                    old: None,
                    new: Some(info.clone()),
                });
                inner.in_flight.add(ClusterEvent::FORCE_ACTIVATE, &objects);
            }
            None => {}
        }
        self.publish(inner);
    }

    /// Brings pods to the active queue whose back-off is over.
    pub fn flush_backoff(&self) {
        let inner = &mut *self.inner.lock();
        let mut ready = false;
        for errors in [false, true] {
            loop {
                let queue = if errors {
                    &mut inner.error_backoff
                } else {
                    &mut inner.backoff
                };
                let over = queue.first().is_some_and(|pod| !self.backoff.is_before(pod));
                if !over {
                    break;
                }
                if let Some(pod) = queue.pop(&self.backoff_order()) {
                    ready |= self.to_active(inner, pod, BACKOFF_COMPLETE, true);
                }
            }
        }
        if ready {
            self.changed.notify_one();
        }
        self.publish(inner);
    }

    /// Brings pods back that have been unschedulable for too long.
    pub fn flush_unschedulable(&self) {
        let inner = &mut *self.inner.lock();
        let now = Instant::now();
        let late = |pod: &&QueuedPod| now.saturating_duration_since(pod.queued_at) > self.options.max_unschedulable;
        let late = inner
            .unschedulable
            .iter()
            .filter(late)
            .filter(|pod| pod.gating_plugin.is_none());
        let pods: Vec<String> = late.map(|pod| pod.info.uid().to_owned()).collect();
        if pods.is_empty() {
            return;
        }
        for uid in &pods {
            if let Some(mut pod) = inner.unschedulable.remove(uid) {
                pod.flushed = true;
                inner.unschedulable.insert(pod);
            }
        }
        let event = ClusterEvent::UNSCHEDULABLE_TIMEOUT;
        self.move_pods(inner, pods, event, &EventObjects::None, None);
        self.publish(inner);
    }

    /// Looks for pods whose time has come, until `stop`; then closes the queue.
    pub async fn run(&self, stop: CancellationToken) {
        let now = Instant::now();
        let mut backoff = interval_at(now + FLUSH_BACKOFF, FLUSH_BACKOFF);
        let mut unschedulable = interval_at(now + FLUSH_UNSCHEDULABLE, FLUSH_UNSCHEDULABLE);
        backoff.set_missed_tick_behavior(MissedTickBehavior::Delay);
        unschedulable.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = backoff.tick() => self.flush_backoff(),
                _ = unschedulable.tick() => self.flush_unschedulable(),
            }
        }
        self.close();
    }

    /// Lets nobody wait for pods any more.
    pub fn close(&self) {
        self.inner.lock().closed = true;
        self.changed.notify_all();
    }

    /// Notes, or takes back, that a node is kept for a pod.
    pub fn nominate(&self, info: &Arc<PodInfo>, nominating: &Nominating) {
        self.inner.lock().nominator.set(info, nominating);
    }

    /// Takes back that a node is kept for a pod.
    pub fn delete_nomination(&self, uid: &str) {
        self.inner.lock().nominator.remove(uid);
    }

    /// All nominated pods, as they are now.
    #[must_use]
    pub fn nominated(&self) -> NominatedPods {
        self.inner.lock().nominator.snapshot()
    }

    /// The pods that are nominated to a node.
    #[must_use]
    pub fn nominated_on(&self, node: &str) -> Vec<Arc<PodInfo>> {
        self.inner.lock().nominator.on(node)
    }

    /// A pod that waits, as the queue knows it.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Option<Arc<PodInfo>> {
        let inner = self.inner.lock();
        let heaps = [&inner.active, &inner.backoff, &inner.error_backoff];
        let found = heaps.into_iter().find_map(|heap| heap.get(uid));
        found
            .or_else(|| inner.unschedulable.get(uid))
            .map(|pod| pod.info.clone())
    }

    /// The pods that wait, by name: active, in back-off, unschedulable.
    #[must_use]
    pub fn pending(&self) -> [Vec<String>; 3] {
        let inner = self.inner.lock();
        let sorted = |pods: &mut dyn Iterator<Item = &QueuedPod>| {
            let mut names: Vec<String> = pods.map(|pod| pod.info.key()).collect();
            names.sort_unstable();
            names
        };
        [
            sorted(&mut inner.active.iter()),
            sorted(&mut inner.backoff.iter().chain(inner.error_backoff.iter())),
            sorted(&mut inner.unschedulable.iter()),
        ]
    }
}
