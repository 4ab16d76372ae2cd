//! The binding cycle of one pod: from an assumed node to a bound pod.

use std::sync::Arc;
use std::time::Instant;

use client_go::events::{EventType, reference};
use scheduler_framework::events::{Change, ClusterEvent, EventObjects};
use scheduler_framework::plugin::Nominating;
use scheduler_framework::{CycleState, PodInfo, Status};
use scheduler_plugins::pod_status::StatusPatch;

use super::cycle::no_nomination;
use super::{Failed, Failure, Placement, Scheduler};
use crate::cache::with_node;
use crate::framework::Profile;
use crate::queue::QueuedPod;

/// A binding cycle.
pub(super) struct Binding {
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) profile: Arc<Profile>,
    pub(super) state: CycleState,
    pub(super) pod: QueuedPod,
    pub(super) placement: Placement,
    pub(super) began: Instant,
}

impl Binding {
    pub(super) async fn run(mut self: Box<Self>) {
        self.scheduler.metrics.binding_tasks.inc();
        let outcome = self.bind().await;
        self.scheduler.binding_pods.leave(self.pod.info.uid());
        self.scheduler.metrics.binding_tasks.dec();
        if let Err(failure) = outcome {
            self.handle_failure(failure);
        }
    }

    async fn bind(&mut self) -> Result<(), Failure> {
        let scheduler = self.scheduler.clone();
        let profile = self.profile.clone();
        let pod: Arc<PodInfo> = self.pod.info.clone();
        let node = self.placement.node.clone();
        let error = |status: Status| Failure::Error(status.message());

        let will_work = profile.run_pre_flights(&mut self.state, &pod, &node);
        if !will_work.is_success() && !will_work.is_skip() {
            return Err(error(will_work));
        }
        let waits = scheduler.binding_pods.waiting(pod.uid()).is_some();
        if scheduler.nominate_before_binding && (waits || will_work.is_success()) {
            // In a box, as everything that few bindings do: the task of every binding has room for it otherwise.
            Box::pin(self.nominate(&node)).await;
        }
        if let Some((status, waited)) = scheduler.binding_pods.decided(pod.uid()).await {
            scheduler.metrics.permit_waited(status.code(), waited);
            if !status.is_success() {
                return Err(scheduler.rejected_on(&node, status));
            }
        }
        // From here on the pod is not rejected any more; events need not be kept for it.
        scheduler.queue.done(pod.uid());

        if will_work.is_success() {
            let cancelled = scheduler.binding_pods.enter_pre_bind(pod.uid());
            let status = tokio::select! {
                status = Box::pin(profile.run_pre_bind(&self.state, &pod, &node)) => status,
                () = cancelled.cancelled() => Status::SUCCESS,
            };
            if !status.is_success() {
                return Err(error(status));
            }
            scheduler
                .binding_pods
                .pass_pre_bind(pod.uid())
                .map_err(Failure::Error)?;
        }
        let by_extender = match &*scheduler.extenders {
            [] => None,
            _ => Box::pin(scheduler.bind_by_extender(&pod, &node)).await,
        };
        let status = match by_extender {
            Some(status) => status,
            None => profile.run_bind(&self.state, &pod, &node).await,
        };
        if !status.is_success() {
            return Err(error(status));
        }
        self.bound();
        Ok(())
    }

    /// Tells others that the pod will go to the node soon. That it cannot be told keeps nothing up.
    async fn nominate(&self, node: &str) {
        let pod = &self.pod.info.pod;
        let patch = StatusPatch::default().nominating(pod, &Nominating::Override(node.to_owned()));
        if let Err(error) = patch.send(&self.scheduler.client, pod).await {
            tracing::error!(%error, pod = self.pod.info.key(), node, "failed to update the nominated node name");
        }
    }

    fn bound(&self) {
        let (pod, node) = (&self.pod.info, &self.placement.node);
        let metrics = &self.scheduler.metrics;
        tracing::debug!(
            pod = pod.key(),
            node,
            evaluated = self.placement.evaluated,
            feasible = self.placement.feasible,
            "Successfully bound pod to node"
        );
        self.profile.recorder.event_for(
            reference(&*pod.pod),
            None,
            EventType::Normal,
            "Scheduled",
            "Binding",
            format!("Successfully assigned {}/{} to {node}", pod.namespace(), pod.name()),
        );
        metrics.attempt("scheduled", &self.profile.name, self.began.elapsed());
        let queued = self.pod.first_attempt.map(|first| first.elapsed()).unwrap_or_default();
        metrics.scheduled_after(self.pod.attempts, queued);
        if self.pod.flushed {
            metrics.scheduled_after_flush.inc();
        }
        self.profile.run_post_bind(&self.state, pod, node);
        self.scheduler.count_bound();
    }

    fn handle_failure(self, failure: Failure) {
        let (scheduler, pod) = (self.scheduler, self.pod);
        let node = &self.placement.node;
        let forgotten = scheduler.unreserve_and_forget(&self.profile, &self.state, &pod.info, node);
        // That the pod does not take up its place any more may help others; itself it does not help if it was rejected.
        let objects = EventObjects::Pod(Change {
            old: Some(with_node(&pod.info, node, scheduler.pod_options)),
            new: None,
        });
        let uid = pod.info.uid().to_owned();
        let rejected = failure.is_rejection();
        let event = ClusterEvent::ASSIGNED_POD_DELETE;
        if forgotten && !rejected {
            scheduler.queue.move_all(event, &objects, None);
        }
        let failed = Failed {
            pod,
            failure,
            nominating: no_nomination(),
        };
        scheduler.handle_failure(&self.profile, failed, self.began);
        if forgotten && rejected {
            let others = |other: &PodInfo| other.uid() != uid;
            scheduler.queue.move_all(event, &objects, Some(&others));
        }
    }
}
