//! The verdict: whether the job has done enough, or has failed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use client_go::cache::ObjectKey;
use controller::workload::pods::{active, is_ready, seconds};
use k8s_api::batch::v1::{Job, JobCondition};
use k8s_api::core::v1::Pod;

use super::indexes::Indexes;
use super::metrics::Action;
use super::pods::{
    all_index_failures, completions, finish_time, has_finalizer, index, index_failures, is_failed, is_indexed,
    is_suspended, terminating, valid_index,
};
use super::policy::{Failure, judge_failure, judge_success};
use super::{JobController, Sync};

pub(super) const FAILURE_TARGET: &str = "FailureTarget";
pub(super) const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl<'a> Sync<'a> {
    pub(super) fn new(
        controller: &'a JobController,
        key: &'a ObjectKey,
        mut job: Job,
        pods: Vec<Arc<Pod>>,
        removed: HashSet<String>,
    ) -> Self {
        job.status.uncounted_terminated_pods.get_or_insert_default();
        let active_pods = active(&pods);
        let mut sync = Self {
            active: count(active_pods.len()),
            ready: count(active_pods.iter().filter(|pod| is_ready(pod)).count()),
            terminating: count(terminating(&pods).count()),
            controller,
            key,
            job,
            pods,
            active_pods,
            removed,
            succeeded: 0,
            failed: 0,
            failures: super::Failures::default(),
            before: Indexes::default(),
            succeeded_indexes: Indexes::default(),
            failed_indexes: None,
            delayed: HashMap::new(),
            verdict: None,
            action: Action::default(),
        };
        sync.count_ended();
        sync
    }

    /// Whether a pod has yet to be counted.
    pub(super) fn is_uncounted(&self, pod: &Pod) -> bool {
        has_finalizer(pod) && !self.removed.contains(&pod.metadata.uid)
    }

    /// Pods that have just ended, of valid indexes, and that the status does not hold yet.
    fn newly(&self, ended: impl Fn(&Pod) -> bool, held: &[String]) -> Vec<Arc<Pod>> {
        let fits = |pod: &&Arc<Pod>| {
            self.is_uncounted(pod)
                && !held.contains(&pod.metadata.uid)
                && (!is_indexed(&self.job) || valid_index(&self.job, pod).is_some())
                && ended(pod)
        };
        self.pods.iter().filter(fits).cloned().collect()
    }

    fn count_ended(&mut self) {
        let uncounted = self.job.status.uncounted_terminated_pods.clone().unwrap_or_default();
        let succeeded = self.newly(|pod| pod.status.phase == "Succeeded", &uncounted.succeeded);
        let failed = self.newly(|pod| is_failed(&self.job, pod), &uncounted.failed);
        let counting = failed
            .iter()
            .filter(|pod| judge_failure(&self.job, pod).counts())
            .count();
        self.succeeded = self.job.status.succeeded + count(succeeded.len() + uncounted.succeeded.len());
        self.failed = self.job.status.failed + count(counting + uncounted.failed.len());
        self.failures = self.controller.backoff.with(self.key, &succeeded, &failed);
        if is_indexed(&self.job) {
            self.count_indexes();
        }
    }

    pub(super) fn has_limit_per_index(&self) -> bool {
        self.job.spec.backoff_limit_per_index.is_some()
    }

    fn has_index_failed(&self, pod: &Pod) -> bool {
        if !is_failed(&self.job, pod) {
            return false;
        }
        match judge_failure(&self.job, pod) {
            Failure::FailsIndex => true,
            Failure::Ignored => false,
            _ => index_failures(pod) >= self.job.spec.backoff_limit_per_index.unwrap_or(i32::MAX),
        }
    }

    fn count_indexes(&mut self) {
        let total = completions(&self.job).unwrap_or(0);
        self.before = Indexes::parse(&self.job.status.completed_indexes, total);
        let of = |fits: &dyn Fn(&Pod) -> bool| -> Indexes {
            let pods = self.pods.iter().filter(|pod| has_finalizer(pod) && fits(pod));
            pods.filter_map(|pod| valid_index(&self.job, pod)).collect()
        };
        let succeeded = self.before.union(&of(&|pod| pod.status.phase == "Succeeded"));
        self.succeeded = count(succeeded.total());
        if self.has_limit_per_index() {
            let before = self.job.status.failed_indexes.as_deref().unwrap_or_default();
            let failed = Indexes::parse(before, total).union(&of(&|pod| self.has_index_failed(pod)));
            self.failed_indexes = Some(failed);
        }
        self.succeeded_indexes = succeeded;
        if self.has_limit_per_index() {
            self.delayed = self.delayed_pods();
        }
    }

    /// The last failed pod of every index that is to be tried again: it keeps the number of failures until the next pod
    /// takes it over.
    fn delayed_pods(&self) -> HashMap<usize, Arc<Pod>> {
        let running: HashSet<usize> = self.active_pods.iter().filter_map(|pod| index(pod)).collect();
        let is_over = |index: usize| {
            self.succeeded_indexes.has(index)
                || running.contains(&index)
                || self.failed_indexes.as_ref().is_some_and(|failed| failed.has(index))
        };
        let mut delayed: HashMap<usize, Arc<Pod>> = HashMap::new();
        for pod in self
            .pods
            .iter()
            .filter(|pod| self.is_uncounted(pod) && is_failed(&self.job, pod))
        {
            let Some(index) = valid_index(&self.job, pod).filter(|index| !is_over(*index)) else {
                continue;
            };
            let later = delayed.get(&index).is_none_or(|known| {
                (all_index_failures(known), finish_time(known)) <= (all_index_failures(pod), finish_time(pod))
            });
            if later {
                delayed.insert(index, pod.clone());
            }
        }
        delayed
    }

    pub(super) fn condition(&self, type_: &str, status: &str, reason: &str, message: &str) -> JobCondition {
        let now = self.controller.clock.now();
        JobCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_probe_time: Some(now),
            last_transition_time: Some(now),
        }
    }

    pub(super) fn present(&self, type_: &str) -> Option<&JobCondition> {
        let conditions = &self.job.status.conditions;
        conditions
            .iter()
            .find(|condition| condition.type_ == type_ && condition.status == "True")
    }

    fn failure(&self, reason: &str, message: &str) -> JobCondition {
        self.condition(FAILURE_TARGET, "True", reason, message)
    }

    pub(super) fn success(&self) -> JobCondition {
        let message = "Reached expected number of succeeded pods";
        self.condition(SUCCESS_CRITERIA_MET, "True", "CompletionsReached", message)
    }

    /// Decides whether the job ends, and with what.
    pub(super) fn judge(&mut self) {
        if self.job.status.start_time.is_none() && !is_suspended(&self.job) {
            self.job.status.start_time = Some(self.controller.clock.now());
        }
        self.verdict = self
            .verdict_so_far()
            .or_else(|| self.limits())
            .or_else(|| self.index_limits());
    }

    /// What was decided before, or a pod's failure decides.
    fn verdict_so_far(&self) -> Option<JobCondition> {
        if let Some(met) = self.present(SUCCESS_CRITERIA_MET) {
            return Some(met.clone());
        }
        if let Some(target) = self.present(FAILURE_TARGET) {
            return Some(self.condition("Failed", "True", &target.reason, &target.message));
        }
        let failed = self.pods.iter().filter(|pod| is_failed(&self.job, pod));
        failed
            .filter_map(|pod| match judge_failure(&self.job, pod) {
                Failure::FailsJob(message) => Some(self.failure("PodFailurePolicy", &message)),
                _ => None,
            })
            .next()
    }

    fn limits(&self) -> Option<JobCondition> {
        let spec = &self.job.spec;
        if self.failed > spec.backoff_limit.unwrap_or(6) || self.is_past_restarts() {
            let message = "Job has reached the specified backoff limit";
            return Some(self.failure("BackoffLimitExceeded", message));
        }
        let limit = spec.active_deadline_seconds.filter(|_| !is_suspended(&self.job))?;
        let started = self.job.status.start_time?;
        let limit = seconds(i32::try_from(limit).unwrap_or(i32::MAX));
        let left = limit.saturating_sub(self.controller.clock.since(started));
        if left.is_zero() {
            let message = "Job was active longer than specified deadline";
            return Some(self.failure("DeadlineExceeded", message));
        }
        self.controller.queue.add_after(self.key.clone(), left);
        None
    }

    /// Whether containers that are restarted in place have failed too often.
    fn is_past_restarts(&self) -> bool {
        if self.job.spec.template.spec.restart_policy != "OnFailure" {
            return false;
        }
        let running = self
            .pods
            .iter()
            .filter(|pod| matches!(pod.status.phase.as_str(), "Running" | "Pending"));
        let restarts: i32 = running
            .flat_map(|pod| {
                pod.status
                    .init_container_statuses
                    .iter()
                    .chain(&pod.status.container_statuses)
            })
            .map(|status| status.restart_count)
            .sum();
        restarts >= self.job.spec.backoff_limit.unwrap_or(6).max(1)
    }

    fn index_limits(&self) -> Option<JobCondition> {
        if !is_indexed(&self.job) {
            return None;
        }
        let total = completions(&self.job).unwrap_or(0);
        if let Some(failed) = &self.failed_indexes {
            let most = self
                .job
                .spec
                .max_failed_indexes
                .map(|most| usize::try_from(most).unwrap_or(0));
            if most.is_some_and(|most| failed.total() > most) {
                let message = "Job has exceeded the specified maximal number of failed indexes";
                return Some(self.failure("MaxFailedIndexesExceeded", message));
            }
            if !failed.is_empty() && failed.total() + self.succeeded_indexes.total() >= total {
                return Some(self.failure("FailedIndexes", "Job has failed indexes"));
            }
        }
        let message = judge_success(&self.job, total, &self.succeeded_indexes)?;
        Some(self.condition(SUCCESS_CRITERIA_MET, "True", "SuccessPolicy", &message))
    }
}
