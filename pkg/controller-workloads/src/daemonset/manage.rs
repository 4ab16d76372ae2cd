//! Pods where there should be some, none where there should not.

use std::sync::Arc;

use client_go::events::EventType;
use controller::workload::{SyncError, pod_from_template, pods, slow_start_batch};
use futures::future::join_all;
use k8s_api::core::v1::Pod;

use super::fit::NodeFit;
use super::{Sync, template, update};

/// The most pods that one reconcile makes or deletes.
const BURST: usize = 250;

/// What is to be done: nodes that need a pod, pods that are to go.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) create: Vec<String>,
    pub(super) delete: Vec<Arc<Pod>>,
}

fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

impl Sync<'_> {
    /// Puts pods where they should be; then, if nothing is under way, updates those of a former template.
    pub(super) async fn act(&self) -> Result<(), SyncError> {
        let mut plan = Plan::default();
        for fit in &self.nodes {
            self.plan_node(fit, &mut plan);
        }
        self.plan_lost_pods(&mut plan);
        self.carry_out(plan).await?;
        let updates = self.set.spec.update_strategy.type_ == "RollingUpdate";
        if updates && self.controller.expectations.satisfied(self.key) {
            self.carry_out(self.plan_update()).await?;
        }
        Ok(())
    }

    fn plan_node(&self, fit: &NodeFit, plan: &mut Plan) {
        let name = &fit.node.metadata.name;
        let on_node = self.pods.get(name).map_or(&[][..], Vec::as_slice);
        if on_node.is_empty() {
            if fit.runs {
                plan.create.push(name.clone());
            }
            return;
        }
        if !fit.keeps {
            plan.delete
                .extend(on_node.iter().filter(|pod| !is_terminating(pod)).cloned());
            return;
        }
        let mut running = Vec::new();
        for pod in on_node.iter().filter(|pod| !is_terminating(pod)) {
            if pods::is_terminal(pod) {
                self.plan_ended_pod(pod, name, plan);
            } else {
                running.push(pod);
            }
        }
        if !update::allows_surge(self.set) {
            plan.delete.extend(running.into_iter().skip(1).cloned());
            return;
        }
        if running.is_empty() && fit.runs {
            plan.create.push(name.clone());
        }
        if running.len() > 1 {
            self.plan_surge(&running, plan);
        }
    }

    /// A pod that has ended is deleted; the next one comes when it is gone.
    fn plan_ended_pod(&self, pod: &Arc<Pod>, node: &str, plan: &mut Plan) {
        let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
        let recorder = &self.controller.recorder;
        if pod.status.phase == "Succeeded" {
            let note = format!("Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it");
            recorder.event(self.set, EventType::Normal, "SucceededDaemonPod", note);
            plan.delete.push(pod.clone());
            return;
        }
        let generation = self.set.status.observed_generation;
        let key = format!("{}/{generation}/{node}", self.set.metadata.uid);
        if let Some(pause) = self.controller.failed_pods.pause(key) {
            self.controller.queue.add_after(self.key.clone(), pause);
            return;
        }
        let note = format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
        recorder.event(self.set, EventType::Warning, "FailedDaemonPod", note);
        plan.delete.push(pod.clone());
    }

    /// Of several pods on a node the oldest of the present template stays, and the oldest of former ones until that is
    /// available.
    fn plan_surge(&self, running: &[&Arc<Pod>], plan: &mut Plan) {
        let (mut newest, mut old) = (None, None);
        for &pod in running {
            let is_new = pod.metadata.labels.get(controller::workload::history::REVISION_LABEL) == Some(&self.hash);
            let place = if is_new { &mut newest } else { &mut old };
            match place {
                None => *place = Some(pod),
                Some(_) => plan.delete.push(pod.clone()),
            }
        }
        if let (Some(new), Some(old)) = (newest, old)
            && (!pods::is_ready(old) || self.is_available(new))
        {
            plan.delete.push(old.clone());
        }
    }

    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        pods::is_available(pod, self.set.spec.min_ready_seconds, &self.controller.clock)
    }

    /// Pods that wait for a node which is gone.
    fn plan_lost_pods(&self, plan: &mut Plan) {
        let known: std::collections::HashSet<&str> =
            self.nodes.iter().map(|fit| fit.node.metadata.name.as_str()).collect();
        let lost = self
            .pods
            .iter()
            .filter(|(node, _)| !known.contains(node.as_str()))
            .flat_map(|(_, pods)| pods)
            .filter(|pod| pod.spec.node_name.is_empty());
        plan.delete.extend(lost.cloned());
    }

    pub(super) async fn carry_out(&self, mut plan: Plan) -> Result<(), SyncError> {
        plan.create.truncate(BURST);
        plan.delete.truncate(BURST);
        if plan.create.is_empty() && plan.delete.is_empty() {
            return Ok(());
        }
        let expectations = &self.controller.expectations;
        let deleted: Vec<_> = plan.delete.iter().map(|pod| pods::key(pod)).collect();
        expectations.expect(self.key, plan.create.len(), deleted);
        let pod = pod_from_template(&template::pod_template(self.set, &self.hash), self.set);
        let create = |index: usize| {
            let mut pod = pod.clone();
            template::pin(&mut pod.spec, &plan.create[index]);
            async move {
                match self.controller.control.create(self.set, &pod).await {
                    // Nothing can be made there any more.
                    Err(error) if error.is_namespace_terminating() => {
                        expectations.creation_observed(self.key);
                        Ok(())
                    }
                    outcome => outcome.map(drop),
                }
            }
        };
        let (created, outcome) = slow_start_batch(plan.create.len(), create).await;
        for _ in created..plan.create.len() {
            expectations.creation_observed(self.key);
        }
        let mut errors: Vec<_> = outcome.err().into_iter().collect();
        let deletions = join_all(plan.delete.iter().map(|pod| async {
            let outcome = self.controller.control.delete(self.set, &pod.metadata.name).await;
            if outcome.is_err() {
                expectations.deletion_observed(self.key, &pods::key(pod));
            }
            outcome
        }))
        .await;
        let failed = deletions.into_iter().filter_map(Result::err);
        errors.extend(failed.filter(|error| !error.is_not_found()));
        SyncError::collect(errors)
    }
}
