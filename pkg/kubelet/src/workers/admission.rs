//! Who may be here, and with which resources.
//!
//! A pod has the resources that it was admitted with until others are granted; its containers have them from the moment the
//! runtime was told. After a restart of the kubelet both are read from the pod's status.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_api::core::v1::{Container, ContainerStatus, Pod, PodCondition, ResourceRequirements};
use kubelet_admission::{Pending, Rejection};
use parking_lot::Mutex;

/// Judges pods that come, and resources that they want.
pub trait Admission: Send + Sync {
    /// Whether a new pod may be here beside the others, and the uids of those that have to go first.
    ///
    /// # Errors
    /// With the reason why not.
    fn admit(&self, pod: &Pod, others: &[&Pod]) -> Result<Vec<String>, Rejection>;

    /// Whether a pod may have these resources beside the others.
    ///
    /// # Errors
    /// With the reason why not.
    fn resize(&self, pod: &Pod, others: &[&Pod]) -> Result<(), Pending>;
}

/// Takes everybody.
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn admit(&self, _: &Pod, _: &[&Pod]) -> Result<Vec<String>, Rejection> {
        Ok(Vec::new())
    }

    fn resize(&self, _: &Pod, _: &[&Pod]) -> Result<(), Pending> {
        Ok(())
    }
}

/// The resources of the containers of a pod, by name, and the pod's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Allocation {
    containers: BTreeMap<String, ResourceRequirements>,
    pod: Option<Box<ResourceRequirements>>,
}

fn resizable(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.init_containers.iter().chain(&pod.spec.containers)
}

impl Allocation {
    pub(super) fn of_spec(pod: &Pod) -> Self {
        let containers = resizable(pod).map(|it| (it.name.clone(), it.resources.clone()));
        Self {
            containers: containers.collect(),
            pod: pod.spec.resources.clone(),
        }
    }

    /// What the pod's status says it has; the specification where it says nothing.
    fn of_status(pod: &Pod) -> Self {
        let mut allocation = Self::of_spec(pod);
        let status = &pod.status;
        for status in status.init_container_statuses.iter().chain(&status.container_statuses) {
            let known = status.resources.as_deref().filter(|_| is_alive(status));
            if let (Some(held), Some(known)) = (allocation.containers.get_mut(&status.name), known) {
                held.requests.clone_from(&known.requests);
                held.limits.clone_from(&known.limits);
            }
        }
        allocation
    }

    fn apply(&self, pod: &Pod) -> Pod {
        let mut pod = pod.clone();
        let spec = &mut pod.spec;
        for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
            if let Some(resources) = self.containers.get(&container.name) {
                container.resources.clone_from(resources);
            }
        }
        spec.resources.clone_from(&self.pod);
        pod
    }

    pub(super) fn container(&self, name: &str) -> Option<&ResourceRequirements> {
        self.containers.get(name)
    }
}

fn is_alive(status: &ContainerStatus) -> bool {
    status.state.running.is_some()
}

/// The allocations of all pods.
#[derive(Default)]
pub(super) struct Allocations(Mutex<HashMap<String, Allocation>>);

impl Allocations {
    /// The pod with the resources that it has been granted.
    pub(super) fn apply(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let mut all = self.0.lock();
        let uid = &pod.metadata.uid;
        let granted = all.entry(uid.clone()).or_insert_with(|| Allocation::of_status(pod));
        if *granted == Allocation::of_spec(pod) {
            return pod.clone();
        }
        Arc::new(granted.apply(pod))
    }

    pub(super) fn grant(&self, pod: &Pod) {
        self.0.lock().insert(pod.metadata.uid.clone(), Allocation::of_spec(pod));
    }

    pub(super) fn remove(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

/// What a worker knows of resources: which the containers have, and whether others are waited for.
#[derive(Default)]
pub(super) struct Resizing {
    /// By container, its id and what the runtime was told.
    pub(super) actuated: BTreeMap<String, (String, ResourceRequirements)>,
    pub(super) pending: Option<Pending>,
    pub(super) error: Option<String>,
    pub(super) in_progress: bool,
}

impl Resizing {
    /// The conditions that tell of it.
    pub(super) fn conditions(&self, pod: &Pod) -> Vec<PodCondition> {
        let condition = |kind: &str, reason: &str, message: &str| PodCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: pod.metadata.generation,
            ..Default::default()
        };
        let mut conditions = Vec::new();
        match &self.pending {
            Some(Pending::Deferred(message)) => {
                conditions.push(condition("PodResizePending", "Deferred", message));
            }
            Some(Pending::Infeasible(message)) => {
                conditions.push(condition("PodResizePending", "Infeasible", message));
            }
            None => {}
        }
        match &self.error {
            Some(error) => conditions.push(condition("PodResizeInProgress", "Error", error)),
            None if self.in_progress => conditions.push(condition("PodResizeInProgress", "", "")),
            None => {}
        }
        conditions
    }
}

/// Whether two requirements ask for other CPU or memory.
pub(super) fn differs(a: &ResourceRequirements, b: &ResourceRequirements, name: &str) -> bool {
    a.requests.get(name) != b.requests.get(name) || a.limits.get(name) != b.limits.get(name)
}
