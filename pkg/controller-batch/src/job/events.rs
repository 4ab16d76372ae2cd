//! What wakes a job up.

use std::sync::Arc;

use client_go::cache::{Event, ObjectKey};
use controller::workload::{PodOwner as _, controller_of, pods::key as pod_key, resolve_owner};
use k8s_api::batch::v1::Job;
use k8s_api::core::v1::Pod;

use super::pods::has_finalizer;
use super::{BATCH, JobController};
use crate::finished;

impl JobController {
    pub(super) fn on_job(&self, event: &Event<Job>) {
        let job = event.object();
        let key = ObjectKey::of(&**job);
        match event {
            Event::Added { .. } => self.queue.add(key),
            Event::Updated { new, .. } if finished(new).is_some() => {
                self.release_pods_of(new);
                self.queue.add(key);
            }
            // A change of the specification is acted on at once, one of the status with others.
            Event::Updated { old, new } if old.metadata.generation != new.metadata.generation => self.queue.add(key),
            Event::Updated { .. } => self.queue.add_after(key, BATCH),
            Event::Deleted { object, .. } => {
                self.ended.lock().remove(&object.metadata.uid);
                self.forget(&key);
                self.release_pods_of(object);
            }
        }
    }

    /// Pods that kept their finalizer beyond the job's end.
    fn release_pods_of(&self, job: &Job) {
        for pod in self
            .pods
            .by_index(controller::workload::BY_CONTROLLER, &job.metadata.uid)
        {
            if has_finalizer(&pod) {
                self.orphans.add(ObjectKey::of(&*pod));
            }
        }
    }

    fn owner(&self, pod: &Pod) -> Option<Arc<Job>> {
        resolve_owner(&self.jobs, &pod.metadata.namespace, controller_of(&pod.metadata)?)
    }

    fn wake(&self, job: &Job) {
        self.queue.add_after(ObjectKey::of(job), BATCH);
    }

    fn wake_those_that_match(&self, pod: &Pod) {
        for job in self.jobs.list_namespace(&pod.metadata.namespace) {
            if job
                .pod_selector()
                .is_ok_and(|selector| selector.matches(&pod.metadata.labels))
            {
                self.wake(&job);
            }
        }
    }

    fn finalizer_gone(&self, job: &Job, pod: &Pod) {
        let key = ObjectKey::of(job);
        let mut removed = self.removed.lock();
        if let Some(uids) = removed.get_mut(&key) {
            uids.remove(&pod.metadata.uid);
            if uids.is_empty() {
                removed.remove(&key);
            }
        }
    }

    pub(super) fn on_pod(&self, event: Event<Pod>) {
        match event {
            Event::Added { object: pod, .. } if pod.metadata.deletion_timestamp.is_some() => self.gone(&pod, false),
            Event::Added { object: pod, .. } => {
                if let Some(job) = self.owner(&pod) {
                    self.expectations.creation_observed(&ObjectKey::of(&*job));
                    self.wake(&job);
                } else if controller_of(&pod.metadata).is_none() {
                    if has_finalizer(&pod) {
                        self.orphans.add(ObjectKey::of(&*pod));
                    }
                    self.wake_those_that_match(&pod);
                }
            }
            Event::Updated { old, new } => self.pod_updated(&old, &new),
            Event::Deleted { object: pod, .. } => self.gone(&pod, true),
        }
    }

    fn pod_updated(&self, old: &Pod, new: &Pod) {
        if old.metadata.resource_version == new.metadata.resource_version {
            return;
        }
        if new.metadata.deletion_timestamp.is_some() {
            self.gone(new, false);
            return;
        }
        let owner_changed = controller_of(&old.metadata) != controller_of(&new.metadata);
        let owners = [if owner_changed { self.owner(old) } else { None }, self.owner(new)];
        for job in owners.into_iter().flatten() {
            if !has_finalizer(new) {
                self.finalizer_gone(&job, new);
            }
            self.wake(&job);
        }
        if controller_of(&new.metadata).is_some() {
            return;
        }
        if has_finalizer(new) {
            self.orphans.add(ObjectKey::of(new));
        }
        if owner_changed || old.metadata.labels != new.metadata.labels {
            self.wake_those_that_match(new);
        }
    }

    fn gone(&self, pod: &Pod, really: bool) {
        let holds = has_finalizer(pod);
        let Some(job) = self.owner(pod).filter(|job| finished(job).is_none()) else {
            let is_job_s = controller_of(&pod.metadata).is_none_or(|owner| owner.kind == "Job");
            if holds && is_job_s && !really {
                self.orphans.add(ObjectKey::of(pod));
            }
            return;
        };
        self.expectations
            .deletion_observed(&ObjectKey::of(&*job), &pod_key(pod));
        if really || !holds {
            self.finalizer_gone(&job, pod);
        }
        self.wake(&job);
    }
}
