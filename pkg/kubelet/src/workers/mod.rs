//! One actor a pod.
//!
//! A worker goes from syncing (bring the pod to its specification) to terminating (end its containers) to terminated (remove
//! what is left), never back. It is woken by changes of the pod, by what happens in the runtime, by probes, and by the end of
//! a delay. Upstream counterpart: `pkg/kubelet/pod_workers.go` with the sync functions of `kubelet.go`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use k8s_api::core::v1::{Pod, PodStatus, Secret};
use kubelet_prober::{Probes, StatusSource};
use kubelet_runtime::{KubeRuntime, PodIds, PodRecord, StartFailure, SyncContext, SyncOutcome};
use kubelet_types::clock::SharedClock;
use kubelet_types::pod::{active_time_left, format_pod, full_name, is_static, is_terminal_phase};
use kubelet_types::seams::{EventRecorder, EventType, ObjectSource, PodClient, pod_reference};
use kubelet_volume::Volumes;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::metrics::{KubeletMetrics, SyncKind};
use crate::pleg::Pleg;
use crate::pods::{PodStore, is_mirror_of, mirror_for};
use crate::status::{Failure, StatusInput, StatusTarget, StatusWriter, generate};

mod admission;
mod ending;
mod resize;
mod resize_events;

pub use admission::{Admission, AdmitAll};

use admission::{Allocations, Resizing};

/// The reason of pods that go for a critical one.
const PREEMPTING: &str = "Preempting";
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// The cgroups of pods.
#[async_trait]
pub trait PodCgroups: Send + Sync {
    /// Makes the cgroup of a pod, limits set, and returns the path for its containers.
    async fn ensure(&self, pod: &Pod) -> Result<String, String>;
    /// Removes it. Idempotent.
    async fn remove(&self, uid: &str) -> Result<(), String>;
    /// Weighs the classes by the pods that are active, and removes the cgroups of pods that nobody knows.
    async fn keep(&self, active: &[Arc<Pod>], knows: &(dyn for<'u> Fn(&'u str) -> bool + Sync)) -> Result<(), String> {
        let _ = (active, knows);
        Ok(())
    }
}

/// What workers work with.
pub struct WorkerParts {
    /// Sandboxes and containers.
    pub runtime: Arc<KubeRuntime>,
    /// Volumes.
    pub volumes: Arc<Volumes>,
    /// Probes.
    pub probes: Probes,
    /// Statuses.
    pub statuses: Arc<StatusWriter>,
    /// The pods that are to be.
    pub pods: Arc<PodStore>,
    /// Objects that pods refer to.
    pub objects: Arc<dyn ObjectSource>,
    /// Mirror pods.
    pub client: Arc<dyn PodClient>,
    /// Events.
    pub recorder: Arc<dyn EventRecorder>,
    /// Cgroups.
    pub cgroups: Arc<dyn PodCgroups>,
    /// The time.
    pub clock: SharedClock,
    /// The node's addresses.
    pub host_ips: watch::Receiver<Vec<String>>,
    /// How often a pod is synced though nothing happened, so that its volumes stay up to date.
    pub sync_frequency: Duration,
    /// Why pods' networks cannot be made now, if they cannot.
    pub network_error: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Who may be here.
    pub admission: Arc<dyn Admission>,
    /// What is counted.
    pub metrics: Arc<KubeletMetrics>,
}

/// What a worker is told.
#[derive(Clone, Debug, Default)]
struct Desired {
    /// The pod as it is to be; none for one that only the runtime knows.
    pod: Option<Arc<Pod>>,
    /// It is to be no more.
    removed: bool,
    /// The kubelet fails it.
    failure: Option<Failure>,
    /// The seconds it has to end, if not its own.
    grace: Option<i64>,
    /// The pods that have to have ended before it begins.
    after: Vec<String>,
}

struct Handle {
    desired: watch::Sender<Desired>,
    wake: Arc<Notify>,
    name: String,
    /// The containers have ended for good, so that the pod takes nothing of the node any more.
    ended: Arc<AtomicBool>,
}

/// The workers of a node.
#[derive(Clone)]
pub struct PodWorkers {
    shared: Arc<Shared>,
}

struct Shared {
    parts: WorkerParts,
    pleg: Arc<Pleg>,
    workers: Mutex<HashMap<String, Handle>>,
    /// Told whenever a worker has ended, for static pods that wait for the one before them.
    ended: Notify,
    allocations: Allocations,
    /// Pods that wait for resources that others have.
    deferred: Mutex<HashSet<String>>,
}

impl PodWorkers {
    /// No workers yet.
    #[must_use]
    pub fn new(parts: WorkerParts, pleg: Arc<Pleg>) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                pleg,
                workers: Mutex::default(),
                ended: Notify::new(),
                allocations: Allocations::default(),
                deferred: Mutex::default(),
            }),
        }
    }

    /// A pod is to be as it is now. One that is new here is judged first, and fails if it may not be here; what has begun
    /// on this node before was judged then.
    pub fn update(&self, pod: &Arc<Pod>) {
        let uid = &pod.metadata.uid;
        let judged = self.knows(uid)
            || pod.metadata.deletion_timestamp.is_some()
            || pod.status.start_time.is_some()
            || is_terminal_phase(&pod.status.phase);
        let verdict = if judged { Ok(Vec::new()) } else { self.shared.admit(pod) };
        for victim in verdict.iter().flatten() {
            self.preempt(victim);
        }
        self.with(uid, full_name(pod), |desired| {
            desired.pod = Some(pod.clone());
            match verdict {
                Ok(victims) if victims.is_empty() => {}
                Ok(victims) => desired.after = victims,
                Err(failure) => desired.failure = Some(failure),
            }
        });
    }

    /// Ends a pod for a critical one to have what it takes.
    fn preempt(&self, uid: &str) {
        const MESSAGE: &str = "Preempted in order to admit critical pod";
        let failure = Failure {
            reason: PREEMPTING.to_owned(),
            message: MESSAGE.to_owned(),
            rejected: false,
            disruption: Some("Pod was preempted by Kubelet to accommodate a critical pod.".to_owned()),
        };
        let workers = self.shared.workers.lock();
        let Some(handle) = workers.get(uid) else { return };
        let pod = handle.desired.borrow().pod.clone();
        if let Some(pod) = pod {
            tracing::info!(pod = format_pod(&pod), "Preempting pod to free up resources");
            let recorder = &self.shared.parts.recorder;
            recorder.event(&pod_reference(&pod), EventType::Warning, PREEMPTING, MESSAGE);
        }
        handle.desired.send_modify(|desired| {
            desired.failure.get_or_insert(failure);
        });
    }

    /// A pod is to be no more; nothing happens if there is no worker.
    pub fn remove(&self, uid: &str) {
        if let Some(handle) = self.shared.workers.lock().get(uid) {
            handle.desired.send_modify(|desired| desired.removed = true);
        }
    }

    /// Ends a pod that only the runtime knows, and removes what is left of it.
    pub fn end_orphan(&self, uid: &str, name: &str, namespace: &str) {
        self.with(uid, format!("{name}_{namespace}"), |desired| desired.removed = true);
    }

    /// Fails a pod, ending it within these seconds.
    pub fn evict(&self, uid: &str, failure: Failure, grace: i64) {
        if let Some(handle) = self.shared.workers.lock().get(uid) {
            handle.desired.send_modify(|desired| {
                desired.failure.get_or_insert(failure);
                desired.grace = Some(grace);
            });
        }
    }

    /// Something happened to a pod.
    pub fn wake(&self, uid: &str) {
        if let Some(handle) = self.shared.workers.lock().get(uid) {
            handle.wake.notify_one();
        }
    }

    /// Whether there is a worker for the pod.
    #[must_use]
    pub fn knows(&self, uid: &str) -> bool {
        self.shared.workers.lock().contains_key(uid)
    }

    /// The pods whose containers run or are to run, with the resources that they have been granted.
    #[must_use]
    pub fn active(&self) -> Vec<Arc<Pod>> {
        self.shared.others("")
    }

    /// Whether the pod takes nothing of the node any more.
    #[must_use]
    pub fn has_ended(&self, uid: &str) -> bool {
        let workers = self.shared.workers.lock();
        workers
            .get(uid)
            .is_none_or(|handle| handle.ended.load(Ordering::Acquire))
    }

    /// The uids of all pods that have a worker.
    #[must_use]
    pub fn known(&self) -> std::collections::HashSet<String> {
        self.shared.workers.lock().keys().cloned().collect()
    }

    fn with(&self, uid: &str, name: String, change: impl FnOnce(&mut Desired)) {
        let mut workers = self.shared.workers.lock();
        if let Some(handle) = workers.get(uid) {
            handle.desired.send_modify(change);
            return;
        }
        let mut desired = Desired::default();
        change(&mut desired);
        let wake = Arc::new(Notify::new());
        let ended = Arc::new(AtomicBool::new(false));
        let fresh = desired.pod.as_ref().is_some_and(|pod| self.shared.is_fresh(pod));
        let record = fresh.then(|| {
            let (name, namespace) = split(&name);
            PodRecord::new((uid.to_owned(), name.to_owned(), namespace.to_owned()), vec![], vec![])
        });
        let (sender, receiver) = watch::channel(desired);
        let worker = Worker {
            shared: self.shared.clone(),
            uid: uid.to_owned(),
            name: name.clone(),
            desired: receiver,
            wake: wake.clone(),
            record,
            failures: BTreeMap::new(),
            failure: None,
            retry: FIRST_RETRY,
            resizing: Resizing::default(),
            ended: ended.clone(),
            seen: Some(Instant::now()),
            synced: false,
        };
        let handle = Handle {
            desired: sender,
            wake,
            name,
            ended,
        };
        workers.insert(uid.to_owned(), handle);
        drop(workers);
        let (shared, uid) = (self.shared.clone(), uid.to_owned());
        tokio::spawn(async move {
            worker.run().await;
            shared.workers.lock().remove(&uid);
            shared.allocations.remove(&uid);
            shared.ended.notify_waiters();
            shared.wake_deferred();
        });
    }
}

impl Shared {
    /// Whether the runtime cannot have anything of a pod yet: nobody but this kubelet makes it, the runtime had nothing of it
    /// when it was listed, and no worker has done anything for it. The names of static pods come again, uids of others do not.
    fn is_fresh(&self, pod: &Pod) -> bool {
        let begun = pod.status.start_time.is_some() || !matches!(pod.status.phase.as_str(), "" | "Pending");
        !begun && !is_static(pod) && self.pleg.has_nothing_of(&pod.metadata.uid)
    }

    /// The other pods that take something of the node, with what they have been granted.
    fn others(&self, uid: &str) -> Vec<Arc<Pod>> {
        let held: Vec<_> = {
            let workers = self.workers.lock();
            let active = workers
                .iter()
                .filter(|(other, handle)| *other != uid && !handle.ended.load(Ordering::Acquire));
            let held = active.filter_map(|(_, handle)| {
                let desired = handle.desired.borrow();
                // What is not to be here takes nothing, though it takes a moment to be told so; and what goes for another
                // does not go for a third.
                let rejected = desired
                    .failure
                    .as_ref()
                    .is_some_and(|failure| failure.rejected || failure.reason == PREEMPTING);
                desired.pod.clone().filter(|_| !rejected)
            });
            held.collect()
        };
        let active = held.iter().filter(|pod| !is_terminal_phase(&pod.status.phase));
        active.map(|pod| self.allocations.apply(pod)).collect()
    }

    /// The uids of the pods that have to go for this one, or why it may not be here.
    fn admit(&self, pod: &Pod) -> Result<Vec<String>, Failure> {
        let others = self.others(&pod.metadata.uid);
        let others: Vec<_> = others.iter().map(|pod| &**pod).collect();
        let rejection = match self.parts.admission.admit(pod, &others) {
            Ok(victims) => return Ok(victims),
            Err(rejection) => rejection,
        };
        let (reason, message) = (rejection.reason, rejection.message);
        tracing::info!(pod = format_pod(pod), reason, message, "pod rejected");
        self.parts
            .recorder
            .event(&pod_reference(pod), EventType::Warning, &reason, &message);
        Err(Failure {
            reason,
            message: format!("Pod was rejected: {message}"),
            rejected: true,
            disruption: None,
        })
    }

    fn wake_deferred(&self) {
        let waiting = std::mem::take(&mut *self.deferred.lock());
        let workers = self.workers.lock();
        for handle in waiting.iter().filter_map(|uid| workers.get(uid)) {
            handle.wake.notify_one();
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    uid: String,
    name: String,
    desired: watch::Receiver<Desired>,
    wake: Arc<Notify>,
    /// What the runtime holds, while nothing happened since it was asked.
    record: Option<PodRecord>,
    /// Containers that could not be started.
    failures: BTreeMap<String, StartFailure>,
    failure: Option<Failure>,
    retry: Duration,
    resizing: Resizing,
    ended: Arc<AtomicBool>,
    /// When the pod was first seen; none once it ran.
    seen: Option<Instant>,
    /// It was synced before.
    synced: bool,
}

impl Worker {
    async fn run(mut self) {
        self.sync_until_terminating().await;
        self.terminate().await;
        self.ended.store(true, Ordering::Release);
        self.shared.ended.notify_waiters();
        self.shared.wake_deferred();
        self.clean_up().await;
        self.wait_for_removal().await;
    }

    fn pod(&self) -> Option<Arc<Pod>> {
        self.desired.borrow().pod.clone()
    }

    /// Whether the pod is to end, whatever its containers do.
    fn must_end(desired: &Desired) -> bool {
        let Some(pod) = &desired.pod else { return true };
        desired.removed
            || desired.failure.is_some()
            || pod.metadata.deletion_timestamp.is_some()
            || is_terminal_phase(&pod.status.phase)
    }

    fn next_retry(&mut self) -> Duration {
        let retry = self.retry;
        self.retry = (retry * 2).min(LAST_RETRY);
        retry
    }

    /// Syncs whenever something happens, until the pod is to end. A sync under way is dropped then: it can be cut off anywhere.
    async fn sync_until_terminating(&mut self) {
        let mut desired = self.desired.clone();
        while !Self::must_end(&desired.borrow_and_update()) {
            let mut ending = self.desired.clone();
            let step = tokio::select! {
                biased;
                // The sender lives as long as this worker is known.
                _ = ending.wait_for(Self::must_end) => continue,
                step = self.sync() => step,
            };
            let pause = match step {
                Step::End => return,
                Step::Wait(pause) => pause,
            };
            tokio::select! {
                changed = desired.changed() => if changed.is_err() { return },
                () = self.wake.notified() => self.record = None,
                () = tokio::time::sleep(pause) => self.record = None,
            }
        }
    }

    async fn observe(&mut self) -> cri_client::Result<PodRecord> {
        if let Some(record) = &self.record {
            return Ok(record.clone());
        }
        let (name, namespace) = split(&self.name);
        let record = self.shared.parts.runtime.pod_status(&self.uid, name, namespace).await?;
        self.record = Some(record.clone());
        Ok(record)
    }

    /// What the runtime holds after a sync: what that has made, where it has made everything.
    async fn observe_made(&mut self, made: &PodIds) -> cri_client::Result<PodRecord> {
        let (name, namespace) = split(&self.name);
        let runtime = &self.shared.parts.runtime;
        let record = runtime.status_of(made, &self.uid, name, namespace).await?;
        self.record = Some(record.clone());
        Ok(record)
    }

    /// Makes and publishes the status.
    fn publish(&self, pod: &Pod, record: &PodRecord, terminal: bool) -> PodStatus {
        let parts = &self.shared.parts;
        let previous = parts.statuses.pod_status(&self.uid);
        let host_ips = parts.host_ips.borrow().clone();
        let input = StatusInput {
            pod,
            record,
            runtime: parts.runtime.name(),
            previous: previous.as_deref().unwrap_or(&pod.status),
            failures: &self.failures,
            host_ips: &host_ips,
            terminal,
            failure: self.failure.as_ref(),
            resize: self.resizing.conditions(pod),
            actuated: &self.resizing.actuated,
        };
        let status = generate(&input, &parts.probes);
        let target = if is_static(pod) {
            parts.pods.mirror_of(pod).map(|mirror| StatusTarget::of(&mirror))
        } else {
            Some(StatusTarget::of(pod))
        };
        tracing::trace!(pod = format_pod(pod), phase = status.phase, "status made");
        parts.statuses.set(pod, status.clone(), target);
        status
    }

    async fn sync(&mut self) -> Step {
        let begun = Instant::now();
        let step = self.sync_once().await;
        let kind = match std::mem::replace(&mut self.synced, true) {
            false => SyncKind::Create,
            true => SyncKind::Sync,
        };
        self.shared.parts.metrics.synced(kind, begun.elapsed());
        step
    }

    /// Notes when the pod ran for the first time. One that ran before this kubelet began is none of its starts.
    fn note_running(&mut self, pod: &Pod, status: &PodStatus) {
        if status.phase != "Running" {
            return;
        }
        let Some(seen) = self.seen.take() else { return };
        if pod.status.phase == "Running" || is_static(pod) {
            return;
        }
        let made = pod.metadata.creation_timestamp.map(SystemTime::from);
        let now = self.shared.parts.clock.now();
        let since_made = made.and_then(|made| now.duration_since(made).ok());
        self.shared
            .parts
            .metrics
            .runs(seen.elapsed(), since_made.unwrap_or_default());
    }

    async fn sync_once(&mut self) -> Step {
        let Some(pod) = self.pod() else { return Step::End };
        tracing::debug!(pod = format_pod(&pod), "sync begins");
        let shared = self.shared.clone();
        // Asked for before the look, so that an end in between is not missed.
        let mut ended = std::pin::pin!(shared.ended.notified());
        ended.as_mut().enable();
        if self.has_predecessor(&pod) {
            ended.await;
            return Step::Wait(Duration::ZERO);
        }
        let record = match self.observe().await {
            Ok(record) => record,
            Err(error) => return self.failed(&pod, &error.to_string()),
        };
        let pod = self.allocate(&pod, &record);
        let deadline = self.check_deadline(&pod);
        let status = self.publish(&pod, &record, false);
        if is_terminal_phase(&status.phase) {
            return Step::End;
        }
        if let Err(error) = self.ensure_mirror(&pod).await {
            tracing::error!(error, pod = format_pod(&pod), "failed to create a mirror pod");
        }
        let record = match self.resize(&pod, record).await {
            Ok(record) => record,
            Err(error) => return self.failed(&pod, &error),
        };
        let outcome = match self.sync_runtime(&pod, &record).await {
            Ok(outcome) => outcome,
            Err(error) => return self.failed(&pod, &error),
        };
        if let Some(error) = &outcome.error {
            tracing::error!(error, pod = format_pod(&pod), "error syncing pod");
        }
        for (name, result) in &outcome.containers {
            match result {
                Ok(()) => drop(self.failures.remove(name)),
                Err(failure) => drop(self.failures.insert(name.clone(), failure.clone())),
            }
        }
        if outcome.changed {
            // What was done shows at once, and not with the next event.
            self.record = None;
        }
        let record = match &outcome.made {
            Some(made) => self.observe_made(made).await,
            None => self.observe().await,
        };
        match record {
            Ok(record) => {
                self.note_actuated(&pod, &record);
                let status = self.publish(&pod, &record, false);
                self.note_running(&pod, &status);
            }
            Err(error) => return self.failed(&pod, &error.to_string()),
        }
        tracing::debug!(pod = format_pod(&pod), "sync ends");
        self.pause(&outcome, deadline)
    }

    /// How long to wait if nothing happens.
    fn pause(&mut self, outcome: &SyncOutcome, deadline: Option<Duration>) -> Step {
        let most = self.shared.parts.sync_frequency;
        if outcome.again {
            return Step::Wait(Duration::ZERO);
        }
        let mut pause = deadline.unwrap_or(most).min(most);
        if outcome.failed() {
            let until = outcome.retry_at().map(|moment| self.until(moment));
            let retry = match until {
                Some(until) => until,
                None => self.next_retry(),
            };
            pause = pause.min(retry.max(Duration::from_millis(1)));
        } else {
            self.retry = FIRST_RETRY;
        }
        let tokens = self.shared.parts.volumes.tokens().next_renewal(&self.uid);
        if let Some(moment) = tokens {
            pause = pause.min(self.until(moment).max(Duration::from_secs(1)));
        }
        Step::Wait(pause)
    }

    fn until(&self, moment: SystemTime) -> Duration {
        moment.duration_since(self.shared.parts.clock.now()).unwrap_or_default()
    }

    fn failed(&mut self, pod: &Pod, error: &str) -> Step {
        tracing::error!(error, pod = format_pod(pod), "error syncing pod, skipping");
        self.record = None;
        Step::Wait(self.next_retry())
    }

    /// Fails the pod if its active deadline is over; returns the time left otherwise.
    fn check_deadline(&mut self, pod: &Pod) -> Option<Duration> {
        let parts = &self.shared.parts;
        let status = parts.statuses.pod_status(&self.uid);
        let started = status
            .and_then(|it| it.start_time)
            .or(pod.status.start_time)
            .map(SystemTime::from);
        let left = active_time_left(pod, started, parts.clock.now())?;
        if left.is_zero() && self.failure.is_none() {
            let message = "Pod was active on the node longer than the specified deadline".to_owned();
            parts
                .recorder
                .event(&pod_reference(pod), EventType::Normal, "DeadlineExceeded", &message);
            self.failure = Some(Failure {
                reason: "DeadlineExceeded".to_owned(),
                message,
                rejected: false,
                disruption: None,
            });
        }
        Some(left)
    }

    /// Whether another static pod of this name is still there, or a pod that has to go for this one.
    fn has_predecessor(&self, pod: &Pod) -> bool {
        let workers = self.shared.workers.lock();
        let runs = |uid: &String| {
            workers
                .get(uid)
                .is_some_and(|handle| !handle.ended.load(Ordering::Acquire))
        };
        if self.desired.borrow().after.iter().any(runs) {
            return true;
        }
        is_static(pod)
            && workers
                .iter()
                .any(|(uid, handle)| *uid != self.uid && handle.name == self.name)
    }

    async fn ensure_mirror(&self, pod: &Pod) -> Result<(), String> {
        if !is_static(pod) {
            return Ok(());
        }
        let parts = &self.shared.parts;
        if let Some(mirror) = parts.pods.mirror_of(pod) {
            if is_mirror_of(&mirror, pod) {
                return Ok(());
            }
            let meta = &mirror.metadata;
            let deleted = parts.client.delete(&meta.namespace, &meta.name, &meta.uid).await;
            deleted.map_err(|error| error.to_string())?;
        }
        let node = parts.objects.node();
        let owner = node
            .as_ref()
            .map(|node| (node.metadata.name.as_str(), node.metadata.uid.as_str()));
        match parts.client.create(&mirror_for(pod, owner)).await {
            Ok(_) | Err(kubelet_types::seams::ApiError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn sync_runtime(&self, pod: &Arc<Pod>, record: &PodRecord) -> Result<SyncOutcome, String> {
        let parts = &self.shared.parts;
        let warn = |reason: &str, message: &str| {
            parts
                .recorder
                .event(&pod_reference(pod), EventType::Warning, reason, message);
        };
        if let Some(error) = (parts.network_error)().filter(|_| !pod.spec.host_network) {
            warn("NetworkNotReady", &format!("network is not ready: {error}"));
            return Err(format!("network is not ready: {error}"));
        }
        let cgroup = async {
            let begun = Instant::now();
            let made = parts.cgroups.ensure(pod).await;
            parts.metrics.cgroup("update", begun.elapsed());
            made
        };
        // Neither needs the other, as upstream, where volumes are set up beside the workers.
        let (made, volumes) = futures::join!(cgroup, parts.volumes.set_up(pod));
        let cgroup_parent = made.inspect_err(|error| {
            warn(
                "FailedToCreatePodContainer",
                &format!("unable to ensure pod container exists: {error}"),
            );
        })?;
        let volumes = match volumes {
            Ok(volumes) => volumes,
            Err(errors) => {
                for error in &errors {
                    warn("FailedMount", &error.to_string());
                }
                return Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
            }
        };
        tracing::trace!(pod = format_pod(pod), "cgroup made, volumes set up");
        let pull_secrets = self.pull_secrets(pod).await;
        parts.probes.add_pod(pod);
        let host_ips = parts.host_ips.borrow().clone();
        let context = SyncContext {
            pod,
            record,
            volumes: &volumes,
            pull_secrets: &pull_secrets,
            cgroup_parent: &cgroup_parent,
            host_ips: &host_ips,
        };
        Ok(parts.runtime.sync_pod(&context).await)
    }

    /// The pull secrets that can be read; the image may be public, so that the others only make an event.
    async fn pull_secrets(&self, pod: &Pod) -> Vec<Arc<Secret>> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for reference in pod
            .spec
            .image_pull_secrets
            .iter()
            .filter(|reference| !reference.name.is_empty())
        {
            match self
                .shared
                .parts
                .objects
                .secret(&pod.metadata.namespace, &reference.name)
                .await
            {
                Ok(secret) => found.push(secret),
                Err(error) => {
                    tracing::warn!(%error, secret = reference.name, "unable to retrieve pull secret");
                    missing.push(reference.name.as_str());
                }
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
                missing.join(", ")
            );
            let reference = pod_reference(pod);
            self.shared.parts.recorder.event(
                &reference,
                EventType::Warning,
                "FailedToRetrieveImagePullSecret",
                &message,
            );
        }
        found
    }
}

/// The name and the namespace of a worker's pod.
fn split(name: &str) -> (&str, &str) {
    name.split_once('_').unwrap_or((name, ""))
}

enum Step {
    /// The pod is done with.
    End,
    /// Nothing to do until something happens, or for so long.
    Wait(Duration),
}
