//! Other resources for a pod that runs.

use std::sync::Arc;

use k8s_api::core::v1::Pod;
use kubelet_admission::Pending;
use kubelet_runtime::PodRecord;

use super::Worker;
use super::admission::{Allocation, differs};
use super::resize_events::Stage;

impl Worker {
    /// The pod with the resources that it may have: those of its specification if they can be granted now.
    pub(super) fn allocate(&mut self, pod: &Arc<Pod>, record: &PodRecord) -> Arc<Pod> {
        let shared = self.shared.clone();
        let granted = shared.allocations.apply(pod);
        let before = self.resizing.pending.take();
        if Arc::ptr_eq(&granted, pod) {
            self.note_actuated(&granted, record);
            return granted;
        }
        self.note_actuated(&granted, record);
        let others = shared.others(&self.uid);
        let others: Vec<_> = others.iter().map(|pod| &**pod).collect();
        match shared.parts.admission.resize(pod, &others) {
            Ok(()) => {
                shared.allocations.grant(pod);
                (self.resizing.in_progress, self.resizing.error) = (true, None);
                shared.tell_resize(pod, Stage::Started, "");
                pod.clone()
            }
            Err(pending) => {
                let (stage, message) = match &pending {
                    Pending::Deferred(message) => (Stage::Deferred, message),
                    Pending::Infeasible(message) => (Stage::Infeasible, message),
                };
                if stage == Stage::Deferred {
                    shared.deferred.lock().insert(self.uid.clone());
                }
                if before.as_ref() != Some(&pending) {
                    shared.tell_resize(pod, stage, message);
                }
                self.resizing.pending = Some(pending);
                granted
            }
        }
    }

    /// Containers that are new have what they were made with.
    pub(super) fn note_actuated(&mut self, pod: &Pod, record: &PodRecord) {
        let allocation = Allocation::of_spec(pod);
        for container in record.running() {
            let Some(resources) = allocation.container(&container.name) else {
                continue;
            };
            let known = self.resizing.actuated.get(&container.name);
            if known.is_none_or(|(id, _)| *id != container.id) {
                let held = (container.id.clone(), resources.clone());
                self.resizing.actuated.insert(container.name.clone(), held);
            }
        }
    }

    /// Gives running containers the resources that were granted; returns what the runtime holds then.
    pub(super) async fn resize(&mut self, pod: &Arc<Pod>, record: PodRecord) -> Result<PodRecord, String> {
        let allocation = Allocation::of_spec(pod);
        let mut wanting = Vec::new();
        for container in record.running() {
            let held = self.resizing.actuated.get(&container.name);
            let held = held.filter(|(id, _)| *id == container.id).map(|(_, held)| held);
            if let (Some(held), Some(wanted)) = (held, allocation.container(&container.name))
                && (differs(held, wanted, "cpu") || differs(held, wanted, "memory"))
            {
                wanting.push((container.clone(), held.clone(), wanted.clone()));
            }
        }
        if wanting.is_empty() {
            // What the pod has as a whole may be all that changed.
            if self.resizing.in_progress {
                self.finish_resize(pod);
            }
            return Ok(record);
        }
        self.resizing.in_progress = true;
        self.publish(pod, &record, false);
        let parts = &self.shared.clone().parts;
        // The kernel takes less for the pod only once its containers have less, so that it may refuse here; it is told again.
        if let Err(error) = parts.cgroups.ensure(pod).await {
            tracing::debug!(
                error,
                uid = self.uid,
                "the pod's cgroup gets its limits after its containers"
            );
        }
        for (container, held, wanted) in wanting {
            let spec = pod.spec.init_containers.iter().chain(&pod.spec.containers);
            let Some(spec) = spec.into_iter().find(|it| it.name == container.name) else {
                continue;
            };
            let restarts = spec.resize_policy.iter().any(|policy| {
                policy.restart_policy == "RestartContainer" && differs(&held, &wanted, &policy.resource_name)
            });
            let done = if restarts {
                parts.runtime.end_for_resize(pod, &container).await
            } else {
                parts.runtime.resize_container(pod, spec, &container.id).await
            };
            if let Err(error) = done {
                if self.resizing.error.as_ref() != Some(&error) {
                    self.shared.tell_resize(pod, Stage::Error, &error);
                }
                self.resizing.error = Some(error.clone());
                self.publish(pod, &record, false);
                return Err(error);
            }
            self.resizing
                .actuated
                .insert(container.name.clone(), (container.id.clone(), wanted));
        }
        self.finish_resize(pod);
        self.shared.wake_deferred();
        self.record = None;
        self.observe().await.map_err(|error| error.to_string())
    }

    fn finish_resize(&mut self, pod: &Pod) {
        (self.resizing.in_progress, self.resizing.error) = (false, None);
        self.shared.tell_resize(pod, Stage::Completed, "");
    }
}
