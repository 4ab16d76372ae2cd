//! The books: pods that have ended are counted, lose their finalizer, and are struck off; then the job may end.

use std::collections::HashSet;
use std::sync::Arc;

use client_go::events::EventType;
use controller::workload::SyncError;
use futures::future::join_all;
use k8s_api::batch::v1::{Job, JobStatus};
use k8s_api::core::v1::Pod;

use super::Sync;
use super::indexes::Indexes;
use super::judge::{FAILURE_TARGET, SUCCESS_CRITERIA_MET};
use super::manage::set_condition;
use super::pods::{index, is_failed, is_indexed, valid_index};
use super::policy::judge_failure;

/// The most pods that a status holds until they are struck off.
const MOST_UNCOUNTED: usize = 500;

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Strikes pods off that have lost their finalizer: now they are in the sums. Tells whether there were any.
fn strike_off(status: &mut JobStatus, held: &HashSet<String>) -> bool {
    let Some(uncounted) = &mut status.uncounted_terminated_pods else {
        return false;
    };
    let mut struck = false;
    let lists = [
        (&mut uncounted.succeeded, &mut status.succeeded),
        (&mut uncounted.failed, &mut status.failed),
    ];
    for (list, sum) in lists {
        let before = list.len();
        list.retain(|uid| held.contains(uid));
        *sum += count(before - list.len());
        struck |= list.len() != before;
    }
    struck
}

impl Sync<'_> {
    /// Brings the status up to date and lets counted pods go.
    pub(super) async fn track(mut self) -> Result<(), SyncError> {
        let original = self.controller.jobs.get_key(self.key).map(|job| job.status.clone());
        self.job.status.active = self.active;
        self.job.status.ready = Some(self.ready);
        self.job.status.terminating = Some(self.terminating);
        let mut held: HashSet<String> = self
            .pods
            .iter()
            .filter(|pod| self.is_uncounted(pod))
            .map(|pod| pod.metadata.uid.clone())
            .collect();
        self.strike_off(&held);
        let (counted, all) = self.count_pods();
        self.write_interim_verdict();
        if original
            .as_ref()
            .is_none_or(|original| differs(original, &self.job.status))
        {
            self.write("adding uncounted pods to status").await?;
            self.controller.backoff.put(self.key, self.failures);
        }
        let released = self.release(&counted, &mut held).await;
        let mut write = self.strike_off(&held);
        let ended = released.is_ok() && all && self.end();
        write |= ended;
        if write {
            self.write("removing uncounted pods from status").await?;
        }
        if ended {
            self.tell_end();
        }
        released
    }

    fn strike_off(&mut self, held: &HashSet<String>) -> bool {
        let (succeeded, failed) = (self.job.status.succeeded, self.job.status.failed);
        let struck = strike_off(&mut self.job.status, held);
        let status = &self.job.status;
        let metrics = &self.controller.metrics;
        metrics.pods_ended(&self.job, status.succeeded - succeeded, status.failed - failed);
        struck
    }

    /// Takes ended pods into the status. Returns those that may lose their finalizer, and whether all were taken in.
    fn count_pods(&mut self) -> (Vec<Arc<Pod>>, bool) {
        let indexed = is_indexed(&self.job);
        let mut pods = self.pods.clone();
        if indexed {
            pods.sort_by_key(|pod| index(pod));
        }
        let mut uncounted = self.job.status.uncounted_terminated_pods.take().unwrap_or_default();
        let (mut counted, mut new_indexes) = (Vec::new(), Vec::new());
        let mut all = true;
        for pod in pods {
            if !self.is_uncounted(&pod) || !self.may_release(&pod) {
                continue;
            }
            let uid = &pod.metadata.uid;
            counted.push(pod.clone());
            let ends_badly = self
                .verdict
                .as_ref()
                .is_some_and(|verdict| verdict.type_ != SUCCESS_CRITERIA_MET);
            if pod.status.phase == "Succeeded" && !uncounted.failed.contains(uid) {
                if indexed {
                    let new = valid_index(&self.job, &pod).filter(|index| !self.before.has(*index));
                    new_indexes.extend(new);
                } else if !uncounted.succeeded.contains(uid) {
                    uncounted.succeeded.push(uid.clone());
                }
            } else if (is_failed(&self.job, &pod) || ends_badly)
                && !uncounted.failed.contains(uid)
                && (!indexed || valid_index(&self.job, &pod).is_some())
                && judge_failure(&self.job, &pod).counts()
            {
                uncounted.failed.push(uid.clone());
            }
            if new_indexes.len() + uncounted.succeeded.len() + uncounted.failed.len() >= MOST_UNCOUNTED {
                all = false;
                break;
            }
        }
        self.job.status.uncounted_terminated_pods = Some(uncounted);
        if indexed {
            let succeeded = self.before.union(&new_indexes.into_iter().collect::<Indexes>());
            self.job.status.succeeded = count(succeeded.total());
            self.job.status.completed_indexes = succeeded.to_string();
            self.job.status.failed_indexes = self.failed_indexes.as_ref().map(ToString::to_string);
        }
        (counted, all)
    }

    /// Whether a pod has ended, or the job does; a failed pod whose index is tried again stays until the next one is there.
    fn may_release(&self, pod: &Pod) -> bool {
        if self.job.metadata.deletion_timestamp.is_some() || self.verdict.is_some() || pod.status.phase == "Succeeded" {
            return true;
        }
        let kept = index(pod)
            .and_then(|index| self.delayed.get(&index))
            .is_some_and(|kept| kept.metadata.uid == pod.metadata.uid);
        is_failed(&self.job, pod) && !kept
    }

    /// The verdict is in the status before the job ends, so that it stays what it is while the last pods end.
    fn write_interim_verdict(&mut self) {
        let Some(verdict) = self.verdict.take() else { return };
        let last = match verdict.type_.as_str() {
            FAILURE_TARGET => "Failed",
            SUCCESS_CRITERIA_MET => "Complete",
            _ => {
                self.verdict = Some(verdict);
                return;
            }
        };
        if self.present(&verdict.type_).is_none() {
            self.job.status.conditions.push(verdict.clone());
        }
        self.verdict = Some(self.condition(last, "True", &verdict.reason, &verdict.message));
    }

    async fn write(&mut self, context: &str) -> Result<(), SyncError> {
        let api = self
            .controller
            .client
            .namespaced::<Job>(self.job.metadata.namespace.clone());
        let mut job = self.job.clone();
        let uncounted = job.status.uncounted_terminated_pods.as_ref();
        if uncounted.is_some_and(|uncounted| uncounted.succeeded.is_empty() && uncounted.failed.is_empty()) {
            // Present and empty: what is counted is tracked by finalizers.
            job.status.uncounted_terminated_pods = Some(Box::default());
        }
        let written = api.update_status(&job).await.map_err(|source| SyncError::Context {
            context: format!("tracking status: {context}"),
            source,
        })?;
        self.job = written;
        self.job.status.uncounted_terminated_pods.get_or_insert_default();
        Ok(())
    }

    /// Takes the finalizer off counted pods.
    async fn release(&self, pods: &[Arc<Pod>], held: &mut HashSet<String>) -> Result<(), SyncError> {
        if pods.is_empty() {
            return Ok(());
        }
        let uids = pods.iter().map(|pod| pod.metadata.uid.clone());
        self.controller
            .removed
            .lock()
            .entry(self.key.clone())
            .or_default()
            .extend(uids);
        let outcomes = join_all(pods.iter().map(|pod| self.controller.remove_finalizer(pod))).await;
        let mut first = None;
        for (pod, outcome) in pods.iter().zip(outcomes) {
            let uid = &pod.metadata.uid;
            match outcome {
                Err(error) if !error.is_not_found() => {
                    if let Some(removed) = self.controller.removed.lock().get_mut(self.key) {
                        removed.remove(uid);
                    }
                    first.get_or_insert(SyncError::from(error));
                }
                outcome => {
                    held.remove(uid);
                    if outcome.is_err()
                        && let Some(removed) = self.controller.removed.lock().get_mut(self.key)
                    {
                        removed.remove(uid);
                    }
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Ends the job if it is decided and nothing is left to count or to end.
    fn end(&mut self) -> bool {
        let Some(verdict) = self.verdict.clone() else {
            return false;
        };
        let uncounted = self.job.status.uncounted_terminated_pods.as_ref();
        let open = uncounted.is_some_and(|uncounted| !uncounted.succeeded.is_empty() || !uncounted.failed.is_empty());
        if open || self.terminating > 0 {
            return false;
        }
        if verdict.type_ == "Complete" {
            self.job.status.completion_time = verdict.last_transition_time;
        }
        set_condition(&mut self.job.status.conditions, verdict);
        true
    }

    fn tell_end(&self) {
        self.controller.ended.lock().insert(self.job.metadata.uid.clone());
        let Some(verdict) = &self.verdict else { return };
        let complete = verdict.type_ == "Complete";
        self.controller.metrics.job_ended(&self.job, complete, &verdict.reason);
        let recorder = &self.controller.recorder;
        if !complete {
            recorder.event(&self.job, EventType::Warning, &verdict.reason, verdict.message.clone());
            return;
        }
        if self
            .job
            .spec
            .completions
            .is_some_and(|wanted| self.job.status.succeeded > wanted)
        {
            let note = "Too many succeeded pods running after completion count reached";
            recorder.event(&self.job, EventType::Warning, "TooManySucceededPods", note);
        }
        recorder.event(&self.job, EventType::Normal, "Completed", "Job completed");
    }
}

/// Whether two statuses differ in what a reconcile sets.
fn differs(before: &JobStatus, after: &JobStatus) -> bool {
    let mut before = before.clone();
    before.uncounted_terminated_pods.get_or_insert_default();
    before != *after
}
