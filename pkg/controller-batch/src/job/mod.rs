//! Jobs: pods until enough of them have succeeded (upstream: `pkg/controller/job`).
//!
//! **Invariant:** every pod counts exactly once. A finalizer keeps it until the status has taken it in; its UID stands in the
//! status until the finalizer is gone.

mod backoff;
mod events;
mod indexes;
mod judge;
mod manage;
mod metrics;
mod pods;
mod policy;
#[cfg(test)]
mod tests;
mod track;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::api::Patch;
use client_go::cache::{Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::expectations::UidExpectations;
use client_go::workqueue::{ItemExponentialFailure, Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::{Claim, PodControl, SyncError, controller_of, index_by_controller, owned_or_orphans};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::batch::v1::{Job, JobCondition};
use k8s_api::core::v1::Pod;
use parking_lot::Mutex;
use serde_json::json;

use crate::finished;
use backoff::{BackoffStore, Failures};
use indexes::Indexes;
use metrics::{Action, Metrics};
use pods::FINALIZER;

/// How long changes wait for others, so that a job is looked at once for many.
const BATCH: Duration = Duration::from_secs(1);
/// Who a job says that it is managed by, if it is this controller.
const MANAGER: &str = "kubernetes.io/job-controller";

/// `job-controller`.
pub(crate) const JOB: Descriptor = Descriptor::new("job-controller", build).aliases(&["job"]);

struct JobController {
    client: Client,
    recorder: EventRecorder,
    jobs: Lister<Job>,
    pods: Lister<Pod>,
    control: PodControl,
    expectations: UidExpectations<ObjectKey>,
    /// Pods whose finalizer was removed, which the cache may not show yet, by job.
    removed: Mutex<HashMap<ObjectKey, HashSet<String>>>,
    /// Jobs whose end was written, which the cache may not show yet.
    ended: Mutex<HashSet<String>>,
    backoff: BackoffStore,
    queue: WorkQueue<ObjectKey>,
    orphans: WorkQueue<ObjectKey>,
    clock: Clock,
    resets_start: bool,
    metrics: Metrics,
}

/// One reconcile of one job.
struct Sync<'a> {
    controller: &'a JobController,
    key: &'a ObjectKey,
    job: Job,
    pods: Vec<Arc<Pod>>,
    active_pods: Vec<Arc<Pod>>,
    /// Pods whose finalizer was removed already.
    removed: HashSet<String>,
    active: i32,
    ready: i32,
    terminating: i32,
    succeeded: i32,
    failed: i32,
    failures: Failures,
    /// Indexes that had succeeded before, and those that have now.
    before: Indexes,
    succeeded_indexes: Indexes,
    failed_indexes: Option<Indexes>,
    /// The last failed pod of indexes that are to be tried again, kept for its counts.
    delayed: HashMap<usize, Arc<Pod>>,
    /// What the job ends with.
    verdict: Option<JobCondition>,
    /// What was done.
    action: Action,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("job-controller").await?;
        let (controller, caches) = JobController::new(&context, client);
        let workers = usize::try_from(context.config.job_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let (queue, orphans, of_orphans) =
                (controller.queue.clone(), controller.orphans.clone(), controller.clone());
            let reconcile = move |key| controller.clone().reconcile(key);
            let release = move |key| of_orphans.clone().release_orphan(key);
            let releasing = context.run_workers(
                orphans,
                workers,
                Retries::new("Error syncing orphan pod"),
                stop.clone(),
                release,
            );
            let syncing = context.run(caches, queue, workers, Retries::new("syncing job"), stop, reconcile);
            futures::future::join(syncing, releasing).await;
        })))
    }
    .boxed()
}

impl JobController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (jobs, pods) = (context.informers.informer::<Job>(), context.informers.informer::<Pod>());
        index_by_controller(&pods);
        let recorder = context.recorder("job-controller", &client);
        // A job whose status could not be written is not looked at more often than its pods may fail.
        let limiter = || ItemExponentialFailure::new(Duration::from_secs(1), Duration::from_secs(600));
        let this = Arc::new(Self {
            control: PodControl::new(client.clone(), recorder.clone()),
            recorder,
            client,
            jobs: jobs.lister(),
            pods: pods.lister(),
            expectations: UidExpectations::default(),
            removed: Mutex::default(),
            ended: Mutex::default(),
            backoff: BackoffStore::default(),
            queue: WorkQueue::with_limiter("job", Some(&context.queue_metrics), limiter()),
            orphans: WorkQueue::with_limiter("job_orphan_pod", Some(&context.queue_metrics), limiter()),
            clock: context.clock.clone(),
            metrics: Metrics::new(&context.metrics),
            resets_start: context.enabled(Feature::MutableSchedulingDirectivesForSuspendedJobs),
        });
        let (of_jobs, of_pods) = (this.clone(), this.clone());
        jobs.add_handler(move |event| of_jobs.on_job(&event));
        pods.add_handler(move |event| of_pods.on_pod(event));
        (this, CacheSync::new().and(&jobs).and(&pods))
    }

    /// Takes the finalizer off a pod whose job is gone, finished or another's.
    async fn release_orphan(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(pod) = self.pods.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        if let Some(owner) = controller_of(&pod.metadata) {
            if owner.kind != "Job" || owner.api_version != "batch/v1" {
                return Ok(Outcome::Done);
            }
            let job = self.jobs.get(&pod.metadata.namespace, &owner.name);
            let lives = job
                .filter(|job| job.metadata.uid == owner.uid)
                .is_some_and(|job| is_managed_elsewhere(&job) || finished(&job).is_none());
            if lives {
                return Ok(Outcome::Done);
            }
        }
        match self.remove_finalizer(&pod).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }

    async fn remove_finalizer(&self, pod: &Pod) -> Result<(), client_go::Error> {
        if !pods::has_finalizer(pod) {
            return Ok(());
        }
        let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}});
        let api = self.client.namespaced::<Pod>(pod.metadata.namespace.clone());
        api.patch(&pod.metadata.name, &Patch::Strategic(patch)).await.map(drop)
    }

    fn forget(&self, key: &ObjectKey) {
        self.expectations.forget(key);
        self.removed.lock().remove(key);
        self.backoff.forget(key);
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(job) = self.jobs.get_key(&key) else {
            self.forget(&key);
            return Ok(Outcome::Done);
        };
        if is_managed_elsewhere(&job) {
            return Ok(Outcome::Done);
        }
        if finished(&job).is_some() {
            self.backoff.forget(&key);
            self.ended.lock().remove(&job.metadata.uid);
            return Ok(Outcome::Done);
        }
        if self.ended.lock().contains(&job.metadata.uid) {
            return Ok(Outcome::Done);
        }
        if let Some(mode) = &job.spec.completion_mode
            && !["NonIndexed", "Indexed"].contains(&mode.as_str())
        {
            let note = "Skipped Job sync because completion mode is unknown";
            self.recorder
                .event(&*job, EventType::Warning, "UnknownCompletionMode", note);
            return Ok(Outcome::Done);
        }
        let selector = Selector::from_api(job.spec.selector.as_deref())?;
        let may_act = self.expectations.satisfied(&key);
        let claim = Claim::new(&self.client, &*job, &selector).with_finalizers(&[FINALIZER]);
        let all = claim
            .claim(owned_or_orphans(&self.pods, &job.metadata), |_| true)
            .await?;
        let pods = all.into_iter().map(|pod| with_adopted_finalizer(&job, pod)).collect();
        let removed = self.removed.lock().get(&key).cloned().unwrap_or_default();
        let begun = Instant::now();
        let mut sync = Sync::new(&self, &key, Job::clone(&job), pods, removed);
        sync.judge();
        let acted = sync.act(may_act).await;
        let action = sync.action;
        let outcome = sync.track().await.and(acted);
        self.metrics.synced(&job, outcome.is_ok(), action, begun);
        outcome.map(|()| Outcome::Done)
    }
}

/// A pod that was just adopted has the finalizer, though the cache does not show it yet.
fn with_adopted_finalizer(job: &Job, mut pod: Arc<Pod>) -> Arc<Pod> {
    let adopted = !pod
        .metadata
        .owner_references
        .iter()
        .any(|owner| owner.uid == job.metadata.uid);
    if adopted && !pods::has_finalizer(&pod) {
        Arc::make_mut(&mut pod).metadata.finalizers.push(FINALIZER.to_owned());
    }
    pod
}

fn is_managed_elsewhere(job: &Job) -> bool {
    job.spec.managed_by.as_ref().is_some_and(|manager| manager != MANAGER)
}
