//! Deletes jobs when their time after finishing has come (upstream: `pkg/controller/ttlafterfinished`).

use std::sync::Arc;

use client_go::Client;
use client_go::api::{DeleteOptions, Propagation};
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::{Outcome, WorkQueue};
use controller::workload::SyncError;
use controller::workload::pods::seconds;
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::batch::v1::Job;

use crate::finished;

/// `ttl-after-finished-controller`.
pub(crate) const TTL_AFTER_FINISHED: Descriptor =
    Descriptor::new("ttl-after-finished-controller", build).aliases(&["ttl-after-finished"]);

struct TtlController {
    client: Client,
    jobs: Lister<Job>,
    clock: Clock,
}

fn is_due_some_day(job: &Job) -> bool {
    job.metadata.deletion_timestamp.is_none()
        && job.spec.ttl_seconds_after_finished.is_some()
        && finished(job).is_some()
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("ttl-after-finished-controller").await?;
        let jobs = context.informers.informer::<Job>();
        let controller = Arc::new(TtlController {
            client,
            jobs: jobs.lister(),
            clock: context.clock.clone(),
        });
        let queue: WorkQueue<ObjectKey> = context.queue("ttl_jobs_to_delete");
        let keys = queue.clone();
        jobs.add_handler(move |event: Event<Job>| {
            if !matches!(event, Event::Deleted { .. }) && is_due_some_day(event.object()) {
                keys.add(ObjectKey::of(&**event.object()));
            }
        });
        let caches = CacheSync::new().and(&jobs);
        let workers = usize::try_from(context.config.ttl_after_finished_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let reconcile = move |key| controller.clone().reconcile(key);
            context
                .run(
                    caches,
                    queue,
                    workers,
                    Retries::new("error cleaning up Job, will retry"),
                    stop,
                    reconcile,
                )
                .await;
        })))
    }
    .boxed()
}

impl TtlController {
    /// How long the job has left; nothing if it stays.
    fn left(&self, job: &Job) -> Result<Option<std::time::Duration>, SyncError> {
        if !is_due_some_day(job) {
            return Ok(None);
        }
        let ended = finished(job).and_then(|condition| condition.last_transition_time);
        let Some(ended) = ended.filter(|ended| !ended.is_zero()) else {
            return Err(SyncError::Other(format!(
                "unable to find the time when the Job {}/{} finished",
                job.metadata.namespace, job.metadata.name
            )));
        };
        if ended > self.clock.now() {
            tracing::info!(
                job = job.metadata.name,
                "Warning: Found Job finished in the future. This is likely due to time skew in the cluster. Job cleanup will be deferred."
            );
        }
        let ttl = seconds(job.spec.ttl_seconds_after_finished.unwrap_or(0));
        Ok(Some(self.clock.until(ended.plus(ttl))))
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(job) = self.jobs.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        match self.left(&job)? {
            None => return Ok(Outcome::Done),
            Some(left) if !left.is_zero() => return Ok(Outcome::RequeueAfter(left)),
            Some(_) => {}
        }
        // The time may have been changed meanwhile; what is deleted is judged by its newest state.
        let api = self.client.namespaced::<Job>(key.namespace());
        let Some(fresh) = api.get_opt(key.name()).await? else {
            return Ok(Outcome::Done);
        };
        match self.left(&fresh)? {
            None => return Ok(Outcome::Done),
            Some(left) if !left.is_zero() => return Ok(Outcome::RequeueAfter(left)),
            Some(_) => {}
        }
        let options = DeleteOptions::uid(fresh.metadata.uid).propagation(Propagation::Foreground);
        match api.delete(key.name(), &options).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }
}
