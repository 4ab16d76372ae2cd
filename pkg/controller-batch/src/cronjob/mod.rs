//! Cron jobs: a job whenever one is due (upstream: `pkg/controller/cronjob`).
//!
//! A job's name holds the minute that it was due, so that none is made twice.

mod due;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apis_workloads::cron::{Schedule, load_location};
use client_go::Client;
use client_go::api::{DeleteOptions, Propagation};
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::metrics::{MetricOpts, MetricsRegistry, Stability};
use controller::workload::{
    BY_CONTROLLER, SyncError, controller_of, controller_reference, index_by_controller, is_controlled_by,
};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::batch::v1::{CronJob, Job};
use k8s_api::core::v1::ObjectReference;
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::Time;
use prometheus::{Histogram, exponential_buckets};

use crate::finished;
use due::Due;

/// The annotation of jobs with the moment they were due.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// `cronjob-controller`.
pub(crate) const CRON_JOB: Descriptor = Descriptor::new("cronjob-controller", build).aliases(&["cronjob"]);

struct CronJobController {
    client: Client,
    recorder: EventRecorder,
    cron_jobs: Lister<CronJob>,
    jobs: Lister<Job>,
    queue: WorkQueue<ObjectKey>,
    clock: Clock,
    /// How late jobs are made.
    skew: Histogram,
}

/// One reconcile of one cron job.
struct Sync<'a> {
    controller: &'a CronJobController,
    cron_job: CronJob,
    jobs: Vec<Arc<Job>>,
    now: Time,
}

fn skew(registry: &MetricsRegistry) -> Histogram {
    let name = "cronjob_controller_job_creation_skew_duration_seconds";
    let help = "Seconds between the time that a job was due and its creation.";
    let bounds = exponential_buckets(1.0, 2.0, 10).expect("bounds that grow");
    registry.histogram(MetricOpts::new(name, help).stability(Stability::Stable), &bounds)
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("cronjob-controller").await?;
        let (controller, caches) = CronJobController::new(&context, client);
        let workers = usize::try_from(context.config.cron_job_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            context
                .run(
                    caches,
                    queue,
                    workers,
                    Retries::new("error syncing CronJobController, requeuing"),
                    stop,
                    reconcile,
                )
                .await;
        })))
    }
    .boxed()
}

impl CronJobController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (cron_jobs, jobs) = (
            context.informers.informer::<CronJob>(),
            context.informers.informer::<Job>(),
        );
        index_by_controller(&jobs);
        let this = Arc::new(Self {
            recorder: context.recorder("cronjob-controller", &client),
            client,
            cron_jobs: cron_jobs.lister(),
            jobs: jobs.lister(),
            queue: context.queue("cronjob"),
            clock: context.clock.clone(),
            skew: skew(&context.metrics),
        });
        let queue = this.queue.clone();
        cron_jobs.add_handler(move |event: Event<CronJob>| queue.add(ObjectKey::of(&**event.object())));
        let of_jobs = this.clone();
        jobs.add_handler(move |event: Event<Job>| {
            if let Event::Updated { old, new } = &event
                && controller_of(&old.metadata) != controller_of(&new.metadata)
            {
                of_jobs.wake_owner(&old.metadata);
            }
            of_jobs.wake_owner(&event.object().metadata);
        });
        (this, CacheSync::new().and(&cron_jobs).and(&jobs))
    }

    fn wake_owner(&self, job: &ObjectMeta) {
        let Some(owner) = controller_of(job).filter(|owner| owner.kind == "CronJob") else {
            return;
        };
        if let Some(cron_job) = self.cron_jobs.get(&job.namespace, &owner.name)
            && cron_job.metadata.uid == owner.uid
        {
            self.queue.add(ObjectKey::of(&*cron_job));
        }
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(cron_job) = self.cron_jobs.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        let mut sync = Sync {
            controller: &self,
            cron_job: CronJob::clone(&cron_job),
            jobs: self.jobs.by_index(BY_CONTROLLER, &cron_job.metadata.uid),
            now: self.clock.now(),
        };
        sync.clean_up().await;
        let outcome = sync.sync().await;
        if sync.cron_job.status != cron_job.status {
            let api = self.client.namespaced::<CronJob>(key.namespace());
            api.update_status(&sync.cron_job).await?;
        }
        match outcome {
            // Nothing can be made in a namespace that ends.
            Err(error) if error.is_namespace_terminating() => Ok(Outcome::Done),
            outcome => outcome,
        }
    }
}

fn job_name(cron_job: &CronJob, due: Time) -> String {
    format!("{}-{}", cron_job.metadata.name, due.unix_seconds() / 60)
}

fn reference(job: &Job) -> ObjectReference {
    client_go::events::reference(job)
}

impl Sync<'_> {
    fn tell(&self, kind: EventType, reason: &str, note: impl Into<String>) {
        self.controller.recorder.event(&self.cron_job, kind, reason, note);
    }

    fn is_active(&self, uid: &str) -> bool {
        self.cron_job.status.active.iter().any(|active| active.uid == uid)
    }

    fn remove_active(&mut self, uid: &str) {
        self.cron_job.status.active.retain(|active| active.uid != uid);
    }

    /// Deletes the oldest finished jobs beyond the limits of the history.
    async fn clean_up(&mut self) {
        let spec = &self.cron_job.spec;
        let limits = [
            ("Complete", spec.successful_jobs_history_limit),
            ("Failed", spec.failed_jobs_history_limit),
        ];
        for (end, limit) in limits {
            let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
                continue;
            };
            let mut jobs: Vec<_> = self
                .jobs
                .iter()
                .filter(|job| finished(job).is_some_and(|condition| condition.type_ == end))
                .cloned()
                .collect();
            jobs.sort_by(|a, b| {
                let started = |job: &Job| (job.status.start_time.is_none(), job.status.start_time);
                started(a)
                    .cmp(&started(b))
                    .then_with(|| a.metadata.name.cmp(&b.metadata.name))
            });
            let excess = jobs.len().saturating_sub(limit);
            for job in &jobs[..excess] {
                self.delete(job).await;
            }
        }
    }

    async fn delete(&mut self, job: &Job) -> bool {
        let api = self.controller.client.namespaced::<Job>(job.metadata.namespace.clone());
        let options = DeleteOptions::default().propagation(Propagation::Background);
        if let Err(error) = api.delete(&job.metadata.name, &options).await {
            self.tell(EventType::Warning, "FailedDelete", format!("Deleted job: {error}"));
            return false;
        }
        self.remove_active(&job.metadata.uid);
        let note = format!("Deleted job {}", job.metadata.name);
        self.tell(EventType::Normal, "SuccessfulDelete", note);
        true
    }

    /// Takes note of jobs that have come, ended or gone.
    async fn follow_jobs(&mut self) -> Result<(), SyncError> {
        for job in self.jobs.clone() {
            let active = self.is_active(&job.metadata.uid);
            match finished(&job) {
                None if !active => {
                    let api = self
                        .controller
                        .client
                        .namespaced::<CronJob>(self.cron_job.metadata.namespace.clone());
                    let fresh = api.get(&self.cron_job.metadata.name).await?;
                    if fresh.status.active.iter().any(|known| known.uid == job.metadata.uid) {
                        self.cron_job = fresh;
                        continue;
                    }
                    let name = &job.metadata.name;
                    let note = format!("Saw a job that the controller did not create or forgot: {name}");
                    self.tell(EventType::Warning, "UnexpectedJob", note);
                }
                None => {}
                Some(condition) => {
                    if active {
                        self.remove_active(&job.metadata.uid);
                        let (name, end) = (&job.metadata.name, &condition.type_);
                        let note = format!("Saw completed job: {name}, condition: {end}");
                        self.tell(EventType::Normal, "SawCompletedJob", note);
                    }
                    let last = self.cron_job.status.last_successful_time;
                    if condition.type_ == "Complete" && job.status.completion_time > last {
                        self.cron_job.status.last_successful_time = job.status.completion_time;
                    }
                }
            }
        }
        for active in self.cron_job.status.active.clone() {
            if self.jobs.iter().any(|job| job.metadata.uid == active.uid) {
                continue;
            }
            // The cache may be behind.
            let api = self
                .controller
                .client
                .namespaced::<Job>(self.cron_job.metadata.namespace.clone());
            if api.get_opt(&active.name).await?.is_none() {
                let note = format!("Active job went missing: {}", active.name);
                self.tell(EventType::Normal, "MissingJob", note);
                self.remove_active(&active.uid);
            }
        }
        Ok(())
    }

    /// The schedule in its time zone; nothing if it cannot be read, which an event says.
    fn schedule(&self) -> Option<Schedule> {
        let spec = &self.cron_job.spec;
        let zone = spec.time_zone.as_deref();
        if let Some(zone) = zone
            && let Err(error) = load_location(zone)
        {
            let note = format!("invalid timeZone: {zone:?}: {error}");
            self.tell(EventType::Warning, "UnknownTimeZone", note);
            return None;
        }
        if spec.suspend == Some(true) {
            return None;
        }
        let text = if spec.schedule.contains("TZ") {
            let note = format!(
                "CRON_TZ or TZ used in schedule {:?} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
                spec.schedule
            );
            self.tell(EventType::Warning, "UnsupportedSchedule", note);
            spec.schedule.clone()
        } else {
            zone.map_or_else(|| spec.schedule.clone(), |zone| format!("TZ={zone} {}", spec.schedule))
        };
        match Schedule::parse(&text) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let note = format!("unparseable schedule: {:?} : {error}", spec.schedule);
                self.tell(EventType::Warning, "UnparseableSchedule", note);
                None
            }
        }
    }

    async fn sync(&mut self) -> Result<Outcome, SyncError> {
        self.follow_jobs().await?;
        if self.cron_job.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let Some(schedule) = self.schedule() else {
            return Ok(Outcome::Done);
        };
        let due = match due::most_recent(&self.cron_job, self.now, &schedule) {
            Ok(Due {
                time: Some(time),
                too_many,
            }) => {
                if too_many {
                    let note = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
                    self.tell(EventType::Warning, "TooManyMissedTimes", note);
                }
                time
            }
            Ok(Due { time: None, .. }) => return Ok(self.next(&schedule)),
            Err(error) => {
                let note = format!("invalid schedule: {} : {error}", self.cron_job.spec.schedule);
                self.tell(EventType::Warning, "InvalidSchedule", note);
                return Ok(Outcome::Done);
            }
        };
        self.start(due).await?;
        Ok(self.next(&schedule))
    }

    /// When the cron job is looked at again: when the next job is due.
    fn next(&self, schedule: &Schedule) -> Outcome {
        match due::next(&self.cron_job, self.now, schedule) {
            Some(time) => Outcome::RequeueAfter(self.controller.clock.until(time) + due::DELTA),
            None => Outcome::Done,
        }
    }

    /// Starts the job of a due time, if it may and has not.
    async fn start(&mut self, due: Time) -> Result<(), SyncError> {
        let spec = &self.cron_job.spec;
        if let Some(deadline) = spec.starting_deadline_seconds
            && due.unix_seconds().saturating_add(deadline) < self.now.unix_seconds()
        {
            let note = format!("Missed scheduled time to start a job: {}", due::rfc1123(due));
            self.tell(EventType::Warning, "MissSchedule", note);
            return Ok(());
        }
        let name = job_name(&self.cron_job, due);
        let known = self.cron_job.status.active.iter().any(|active| active.name == name);
        if known || self.cron_job.status.last_schedule_time == Some(due) {
            return Ok(());
        }
        if spec.concurrency_policy == "Forbid" && !self.cron_job.status.active.is_empty() {
            let note = "Not starting job because prior execution is running and concurrency policy is Forbid";
            self.tell(EventType::Normal, "JobAlreadyActive", note);
            return Ok(());
        }
        if spec.concurrency_policy == "Replace" {
            self.end_active().await?;
        }
        self.create(name, due).await
    }

    async fn end_active(&mut self) -> Result<(), SyncError> {
        let api = self
            .controller
            .client
            .namespaced::<Job>(self.cron_job.metadata.namespace.clone());
        for active in self.cron_job.status.active.clone() {
            let job = match api.get(&active.name).await {
                Ok(job) => job,
                Err(error) => {
                    self.tell(EventType::Warning, "FailedGet", format!("Get job: {error}"));
                    return Err(error.into());
                }
            };
            if !self.delete(&job).await {
                let key = ObjectKey::of(&job);
                return Err(SyncError::Other(format!("could not replace job {key}")));
            }
        }
        Ok(())
    }

    async fn create(&mut self, name: String, due: Time) -> Result<(), SyncError> {
        let template = &self.cron_job.spec.job_template;
        let zone = self.cron_job.spec.time_zone.as_deref().unwrap_or_default();
        let mut annotations = template.metadata.annotations.clone();
        annotations.insert(SCHEDULED.to_owned(), due::rfc3339_in(due, zone));
        let job = Job {
            metadata: ObjectMeta {
                name,
                namespace: self.cron_job.metadata.namespace.clone(),
                labels: template.metadata.labels.clone(),
                annotations,
                owner_references: vec![controller_reference(&self.cron_job)],
                ..ObjectMeta::default()
            },
            spec: template.spec.clone(),
            ..Job::default()
        };
        let api = self
            .controller
            .client
            .namespaced::<Job>(self.cron_job.metadata.namespace.clone());
        let created = match api.create(&job).await {
            Ok(created) => {
                let note = format!("Created job {}", created.metadata.name);
                self.tell(EventType::Normal, "SuccessfulCreate", note);
                if let Some(made) = created.metadata.creation_timestamp {
                    let late = jiff::Timestamp::from(made).duration_since(jiff::Timestamp::from(due));
                    self.controller.skew.observe(late.as_secs_f64());
                }
                created
            }
            Err(error) if error.is_already_exists() => {
                // Made by a reconcile that did not come to write the status; or somebody else's.
                let present = api.get(&job.metadata.name).await?;
                let mine = is_controlled_by(&present.metadata, &self.cron_job.metadata);
                if !mine || self.is_active(&present.metadata.uid) {
                    return Ok(());
                }
                present
            }
            Err(error) => {
                if !controller_objects::is_namespace_terminating(&error) {
                    self.tell(
                        EventType::Warning,
                        "FailedCreate",
                        format!("Error creating job: {error}"),
                    );
                }
                return Err(error.into());
            }
        };
        self.cron_job.status.active.push(reference(&created));
        self.cron_job.status.last_schedule_time = Some(due);
        Ok(())
    }
}
