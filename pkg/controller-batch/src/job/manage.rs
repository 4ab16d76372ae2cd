//! Pods made and deleted: as many as may run at a time, none when the job ends or is suspended.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use client_go::events::EventType;
use controller::workload::pods::{deletion_order, is_ready, key as pod_key};
use controller::workload::{SyncError, pod_from_template, slow_start_batch};
use futures::future::join_all;
use k8s_api::batch::v1::JobCondition;
use k8s_api::core::v1::Pod;

use super::backoff::remaining_for_index;
use super::indexes::Indexes;
use super::metrics::Action;
use super::pods::{
    completions, index, is_indexed, is_suspended, next_failures, replaces_failed_only, set_index, template, terminating,
};
use super::policy::judge_failure;
use super::{BATCH, Sync};

/// The most pods that one reconcile makes or deletes.
const BURST: usize = 500;

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl Sync<'_> {
    /// Acts on the verdict: ends what runs, or makes what is missing.
    pub(super) async fn act(&mut self, may_act: bool) -> Result<(), SyncError> {
        if self.verdict.is_some() {
            let pods = self.active_pods.clone();
            let (before, outcome) = (self.active, self.delete(&pods, false).await);
            // The job ends only when all its pods are on their way out.
            if self.active != 0 || (before > 0 && outcome.is_err()) || !may_act {
                self.verdict = None;
            }
            return outcome;
        }
        let managed = may_act && self.job.metadata.deletion_timestamp.is_none();
        let outcome = if managed { self.manage().await } else { Ok(()) };
        let complete = match self.job.spec.completions {
            None => self.succeeded > 0 && self.active == 0,
            Some(wanted) => self.succeeded >= wanted && self.active == 0,
        };
        if complete {
            self.verdict = Some(self.success());
        } else if managed {
            self.note_suspension();
        }
        outcome
    }

    fn note_suspension(&mut self) {
        let suspended = is_suspended(&self.job);
        let (status, reason, message) = if suspended {
            ("True", "JobSuspended", "Job suspended")
        } else {
            ("False", "JobResumed", "Job resumed")
        };
        let wanted = self.condition("Suspended", status, reason, message);
        if !set_condition(&mut self.job.status.conditions, wanted) {
            return;
        }
        let now = self.controller.clock.now();
        if !suspended {
            self.job.status.start_time = Some(now);
        } else if self.controller.resets_start {
            self.job.status.start_time = None;
        }
        let reason = if suspended { "Suspended" } else { "Resumed" };
        self.controller
            .recorder
            .event(&self.job, EventType::Normal, reason, message);
    }

    /// Deletes pods; with their finalizer, if they are not to be counted.
    async fn delete(&mut self, pods: &[Arc<Pod>], uncounted: bool) -> Result<(), SyncError> {
        let (controller, job, key) = (self.controller, &self.job, self.key);
        let outcomes = join_all(pods.iter().map(|pod| async move {
            let outcome = async {
                if uncounted {
                    controller.remove_finalizer(pod).await?;
                }
                controller.control.delete(job, &pod.metadata.name).await
            }
            .await;
            if outcome.is_err() && uncounted {
                controller.expectations.deletion_observed(key, &pod_key(pod));
            }
            outcome
        }))
        .await;
        let mut first = None;
        for (pod, outcome) in pods.iter().zip(outcomes) {
            match outcome {
                Err(error) if !error.is_not_found() => {
                    first.get_or_insert(error);
                }
                _ => {
                    self.active -= 1;
                    self.terminating += 1;
                    self.ready -= i32::from(is_ready(pod));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn delete_surplus(&mut self, mut pods: Vec<Arc<Pod>>) -> Result<(), SyncError> {
        pods.truncate(BURST);
        self.action = Action::PodsDeleted;
        self.controller
            .expectations
            .expect_deletions(self.key, pods.iter().map(|pod| pod_key(pod)));
        self.delete(&pods, true).await
    }

    /// The pods that go first, at least so many; of an index that has several, all but one.
    fn surplus(&self, at_least: usize) -> Vec<Arc<Pod>> {
        let (mut surplus, mut left) = (Vec::new(), Vec::new());
        if is_indexed(&self.job) {
            let total = completions(&self.job).unwrap_or(0);
            let mut by_index: BTreeMap<usize, Vec<Arc<Pod>>> = BTreeMap::new();
            for pod in &self.active_pods {
                match index(pod).filter(|index| *index < total) {
                    Some(index) => by_index.entry(index).or_default().push(pod.clone()),
                    None => surplus.push(pod.clone()),
                }
            }
            for mut pods in by_index.into_values() {
                pods.sort_by(|a, b| deletion_order(a, b));
                left.extend(pods.pop());
                surplus.append(&mut pods);
            }
        } else {
            left.clone_from(&self.active_pods);
        }
        if surplus.len() < at_least {
            left.sort_by(|a, b| deletion_order(a, b));
            surplus.extend(left.into_iter().take(at_least - surplus.len()));
        }
        surplus
    }

    async fn manage(&mut self) -> Result<(), SyncError> {
        self.action = Action::Tracking;
        let active = usize::try_from(self.active).unwrap_or(0);
        if is_suspended(&self.job) {
            let pods = self.surplus(active);
            return if pods.is_empty() {
                Ok(())
            } else {
                self.delete_surplus(pods).await
            };
        }
        let parallelism = usize::try_from(self.job.spec.parallelism.unwrap_or(1)).unwrap_or(0);
        let succeeded = usize::try_from(self.succeeded).unwrap_or(0);
        let wanted = match completions(&self.job) {
            None if succeeded > 0 => active,
            None => parallelism,
            Some(total) => total.saturating_sub(succeeded).min(parallelism),
        };
        let pods = self.surplus(active.saturating_sub(wanted));
        if !pods.is_empty() {
            return self.delete_surplus(pods).await;
        }
        let ending = if replaces_failed_only(&self.job) {
            usize::try_from(self.terminating).unwrap_or(0)
        } else {
            0
        };
        let missing = wanted.saturating_sub(ending).saturating_sub(active).min(BURST);
        if missing == 0 {
            return Ok(());
        }
        self.action = Action::PodsCreated;
        if !self.has_limit_per_index() {
            let pause = self.failures.remaining(&self.controller.clock);
            if !pause.is_zero() {
                self.controller.queue.add_after(self.key.clone(), pause.max(BATCH));
                return Ok(());
            }
        }
        let indexes = if is_indexed(&self.job) {
            self.next_indexes(missing).into_iter().map(Some).collect()
        } else {
            vec![None; missing]
        };
        self.create(indexes).await
    }

    fn next_indexes(&self, missing: usize) -> Vec<usize> {
        let mut taken: HashSet<usize> = self.active_pods.iter().filter_map(|pod| index(pod)).collect();
        if replaces_failed_only(&self.job) {
            taken.extend(terminating(&self.pods).filter_map(|pod| index(pod)));
        }
        let mut over = self.succeeded_indexes.union(&taken.into_iter().collect::<Indexes>());
        if let Some(failed) = &self.failed_indexes {
            over = over.union(failed);
        }
        let next = over.first_missing(missing, completions(&self.job).unwrap_or(0));
        if !self.has_limit_per_index() {
            return next;
        }
        let pause = |index: &usize| remaining_for_index(self.delayed.get(index), &self.controller.clock);
        let (now, later): (Vec<_>, Vec<_>) = next.into_iter().partition(|index| pause(index).is_zero());
        if now.is_empty()
            && let Some(wait) = later.iter().map(pause).min()
        {
            self.controller.queue.add_after(self.key.clone(), wait.max(BATCH));
        }
        now
    }

    async fn create(&mut self, indexes: Vec<Option<usize>>) -> Result<(), SyncError> {
        if indexes.is_empty() {
            return Ok(());
        }
        let (controller, job, key, delayed) = (self.controller, &self.job, self.key, &self.delayed);
        let per_index = self.has_limit_per_index();
        controller.expectations.expect_creations(key, indexes.len());
        let pod = pod_from_template(&template(job), job);
        let create = |place: usize| {
            let mut pod = pod.clone();
            if let Some(index) = indexes[place] {
                let failures =
                    per_index.then(|| next_failures(delayed.get(&index), |former| judge_failure(job, former).counts()));
                set_index(job, &mut pod, index, failures);
            }
            async move {
                match controller.control.create(job, &pod).await {
                    // Nothing can be made there any more.
                    Err(error) if error.is_namespace_terminating() => {
                        controller.expectations.creation_observed(key);
                        Ok(())
                    }
                    outcome => outcome.map(drop),
                }
            }
        };
        let (created, outcome) = slow_start_batch(indexes.len(), create).await;
        for _ in created..indexes.len() {
            controller.expectations.creation_observed(key);
        }
        self.active += count(created);
        outcome
    }
}

/// Puts a condition in place; tells whether anything changed. One that says no is not added.
pub(super) fn set_condition(conditions: &mut Vec<JobCondition>, wanted: JobCondition) -> bool {
    match conditions.iter_mut().find(|condition| condition.type_ == wanted.type_) {
        Some(present) => {
            let same =
                present.status == wanted.status && present.reason == wanted.reason && present.message == wanted.message;
            if !same {
                *present = wanted;
            }
            !same
        }
        None if wanted.status == "False" => false,
        None => {
            conditions.push(wanted);
            true
        }
    }
}
