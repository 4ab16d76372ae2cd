//! The scheduling cycle of one pod: from the queue to an assumed node.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use client_go::events::{EventType, reference};
use rand::Rng as _;
use scheduler_framework::plugin::{Nominating, ScoreContext};
use scheduler_framework::{Code, CycleState, Feasible, FitError, NodeInfo, PodInfo, Status};

use super::binding::Binding;
use super::{Failed, Failure, Placement, Scheduler, SchedulingThread};
use crate::framework::{Filters, Known, PermitOutcome, Profile};
use crate::metrics::PLUGIN_SAMPLE_PERCENT;
use crate::queue::{NominatedPods, QueuedPod};

/// What takes a nomination back.
pub(super) fn no_nomination() -> Nominating {
    Nominating::Override(String::new())
}

impl SchedulingThread {
    /// Schedules one pod that was taken out of the queue.
    pub fn schedule_one(&mut self, pod: QueuedPod) {
        let scheduler = self.scheduler.clone();
        let Some(profile) = scheduler.profile(&pod.info).cloned() else {
            tracing::error!(pod = pod.info.key(), "profile not found for scheduler name");
            scheduler.queue.done(pod.info.uid());
            return;
        };
        if scheduler.skips(&profile, &pod.info) {
            scheduler.queue.done(pod.info.uid());
            return;
        }
        let began = Instant::now();
        let mut state = CycleState::default();
        state.measure_plugins = rand::rng().random_range(0..100) < PLUGIN_SAMPLE_PERCENT;
        scheduler.cache.update_snapshot(&mut self.snapshot);
        let outcome = self.find_node(&profile, &mut state, &pod);
        scheduler
            .metrics
            .algorithm_duration
            .observe(began.elapsed().as_secs_f64());
        let outcome = match outcome {
            Ok(placement) => scheduler
                .assume(&profile, &mut state, &pod, &placement.node)
                .map(|()| placement)
                .map_err(|failure| (failure, no_nomination())),
            Err(failed) => Err(failed),
        };
        match outcome {
            Ok(placement) => {
                let binding = Box::new(Binding {
                    scheduler: scheduler.clone(),
                    profile,
                    state,
                    pod,
                    placement,
                    began,
                });
                let task = scheduler.bindings.track_future(binding.run());
                scheduler.runtime.spawn(task);
            }
            Err((failure, nominating)) => {
                let failed = Failed {
                    pod,
                    failure,
                    nominating,
                };
                scheduler.handle_failure(&profile, failed, began);
            }
        }
    }

    /// Finds a node, or makes room for the pod if there is none.
    fn find_node(
        &mut self,
        profile: &Profile,
        state: &mut CycleState,
        pod: &QueuedPod,
    ) -> Result<Placement, (Failure, Nominating)> {
        let nominated = self.scheduler.queue.nominated();
        let mut answers = std::mem::take(&mut self.answers);
        let known = answers.of(profile, &pod.info, &self.snapshot);
        let outcome = self.schedule_pod(profile, state, &pod.info, &nominated, known);
        self.answers = answers;
        let failure = match outcome {
            Ok(placement) => return Ok(placement),
            Err(failure) => failure,
        };
        let Failure::Fit(mut error) = failure else {
            return Err((failure, no_nomination()));
        };
        if profile.post_filter.is_empty() {
            return Err((Failure::Fit(error), no_nomination()));
        }
        let filters = Filters::new(profile, &nominated);
        let statuses = &mut error.diagnosis.statuses;
        let (nominating, status) = profile.run_post_filter(state, &pod.info, &self.snapshot, statuses, &filters);
        if status.code() == Code::Error {
            tracing::error!(pod = pod.info.key(), %status, "status after running PostFilter plugins for pod");
        }
        error.diagnosis.post_filter_message = status.message();
        Err((Failure::Fit(error), nominating))
    }

    fn schedule_pod(
        &mut self,
        profile: &Profile,
        state: &mut CycleState,
        pod: &PodInfo,
        nominated: &NominatedPods,
        mut known: Option<&mut Known>,
    ) -> Result<Placement, Failure> {
        let all_nodes = self.snapshot.len();
        if all_nodes == 0 {
            return Err(Failure::NoNodes);
        }
        let filters = Filters::new(profile, nominated);
        let start = self.next_start % all_nodes;
        let search = self.search(&filters, state, pod, start, known.as_deref_mut())?;
        self.next_start = (start + search.processed) % all_nodes;
        let nodes = Feasible::new(&self.snapshot, &search.feasible);
        let node = match nodes.len() {
            0 => {
                return Err(Failure::Fit(Box::new(FitError {
                    all_nodes,
                    diagnosis: search.diagnosis,
                })));
            }
            1 => nodes.at(0),
            _ => self.best_of(profile, state, pod, &nodes, known)?,
        };
        Ok(Placement {
            node: node.name().to_owned(),
            evaluated: nodes.len() + search.diagnosis.statuses.len(),
            feasible: nodes.len(),
        })
    }

    /// The node with the highest score; one of them at random if there are several.
    fn best_of<'s>(
        &self,
        profile: &Profile,
        state: &mut CycleState,
        pod: &PodInfo,
        nodes: &Feasible<'s>,
        known: Option<&mut Known>,
    ) -> Result<&'s NodeInfo, Failure> {
        let error = |status: Status| Failure::Error(status.message());
        let mut scores = vec![1; nodes.len()];
        if !profile.score.is_empty() || !self.scheduler.extenders.is_empty() {
            profile
                .run_pre_score(state, pod, nodes, &self.snapshot)
                .map_err(error)?;
            let context = ScoreContext {
                state,
                pod,
                snapshot: &self.snapshot,
            };
            scores = profile.run_score(context, nodes, known).map_err(error)?;
            self.scheduler.add_extender_scores(pod, nodes, &mut scores);
        }
        let highest = scores.iter().copied().max().unwrap_or(0);
        let is_best = |score: &i64| *score == highest;
        let equal = scores.iter().filter(|score| is_best(score)).count();
        let one_of_them = rand::rng().random_range(0..equal.max(1));
        let mut places = (0..scores.len()).filter(|place| is_best(&scores[*place]));
        let best = places.nth(one_of_them);
        let place = best.ok_or_else(|| Failure::Error("empty priorityList".to_owned()))?;
        Ok(nodes.at(place))
    }
}

impl Scheduler {
    /// Whether a pod need not be scheduled: it is being deleted, or has got a node since it was queued.
    fn skips(&self, profile: &Profile, pod: &PodInfo) -> bool {
        if pod.is_terminating() {
            profile.recorder.event_for(
                reference(&*pod.pod),
                None,
                EventType::Warning,
                "FailedScheduling",
                "Scheduling",
                format!("skip schedule deleting pod: {}", pod.key()),
            );
            return true;
        }
        // Bound pods too: the event of a change before the binding may have been queued after the cycle, and the binding been
        // seen since. Then there is no room for it a second time, and others would have to make way.
        self.cache.pod(pod.uid()).is_some()
    }

    /// Assumes the pod on a node, and asks Reserve and Permit. Whatever was done is undone on failure.
    fn assume(&self, profile: &Profile, state: &mut CycleState, pod: &QueuedPod, node: &str) -> Result<(), Failure> {
        let info: &Arc<PodInfo> = &pod.info;
        self.cache
            .assume_pod(info.clone(), node)
            .map_err(|error| Failure::Error(error.to_string()))?;
        self.queue.delete_nomination(info.uid());
        let status = profile.run_reserve(state, info, node);
        let status = if status.is_success() {
            match profile.run_permit(state, info, node) {
                PermitOutcome::Allowed => return Ok(()),
                PermitOutcome::Wait(plugins) => {
                    self.binding_pods.wait(info.uid(), plugins);
                    return Ok(());
                }
                PermitOutcome::Rejected(status) => status,
            }
        } else {
            status
        };
        self.unreserve_and_forget(profile, state, info, node);
        Err(self.rejected_on(node, status))
    }

    /// Takes back everything that an assumption has done.
    pub(super) fn unreserve_and_forget(
        &self,
        profile: &Profile,
        state: &CycleState,
        pod: &PodInfo,
        node: &str,
    ) -> bool {
        profile.run_unreserve(state, pod, node);
        match self.cache.forget_pod(pod) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, pod = pod.key(), "scheduler cache ForgetPod failed");
                false
            }
        }
    }

    /// The failure that a plugin's refusal of one node is.
    pub(super) fn rejected_on(&self, _node: &str, status: Status) -> Failure {
        if !status.is_rejected() {
            return Failure::Error(status.message());
        }
        let mut error = FitError {
            all_nodes: 1,
            ..FitError::default()
        };
        error.diagnosis.add_plugin_status(&status);
        error.diagnosis.statuses.set(0, status);
        Failure::Fit(Box::new(error))
    }

    /// Counts a pod that was bound.
    pub(super) fn count_bound(&self) {
        self.bound.fetch_add(1, Ordering::Relaxed);
    }
}
