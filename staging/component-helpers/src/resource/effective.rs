//! What a pod asks for in all: its containers, what is set for it as a whole, and its overhead; where it
//! is being resized, the larger of what was asked for and what is in effect.
//!
//! Upstream counterpart: `PodRequests` and `PodLimits` of `component-helpers/resource`.

use std::borrow::Cow;

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    Map,
    core::v1::{Container, ContainerStatus, Pod},
    primitives::Quantity,
};

use super::{
    is_sidecar, is_supported_at_pod_level,
    totals::{Side, add, aggregate_by, raise},
};

/// How totals are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodTotals {
    /// What the status says is in effect counts as well.
    pub with_status: bool,
    /// That also holds for what is set for the pod as a whole.
    pub with_pod_level_status: bool,
    /// What is set for the pod as a whole takes the place of what its containers ask for.
    pub pod_level: bool,
    /// The overhead does not count.
    pub without_overhead: bool,
}

impl PodTotals {
    /// As quota and scheduling count under these gates.
    #[must_use]
    pub fn of(gates: &FeatureGates) -> Self {
        Self {
            with_status: gates.enabled(Feature::InPlacePodVerticalScaling),
            with_pod_level_status: gates.enabled(Feature::InPlacePodLevelResourcesVerticalScaling),
            pod_level: gates.enabled(Feature::PodLevelResources),
            without_overhead: false,
        }
    }

    /// What is set aside for the pod.
    #[must_use]
    pub fn requests(self, pod: &Pod) -> Map<Quantity> {
        let mut total = self.containers(pod, Side::Requests);
        self.set_pod_level(pod, Side::Requests, &mut total);
        if !self.without_overhead {
            add(&mut total, &pod.spec.overhead);
        }
        total
    }

    /// What the pod does not exceed.
    #[must_use]
    pub fn limits(self, pod: &Pod) -> Map<Quantity> {
        let mut total = self.containers(pod, Side::Limits);
        self.set_pod_level(pod, Side::Limits, &mut total);
        if !self.without_overhead {
            for (name, quantity) in &pod.spec.overhead {
                if let Some(limit) = total.get_mut(name).filter(|limit| !limit.is_zero()) {
                    limit.add(quantity);
                }
            }
        }
        total
    }

    fn containers(self, pod: &Pod, side: Side) -> Map<Quantity> {
        let infeasible = is_resize_infeasible(pod);
        aggregate_by(&pod.spec, |container| {
            let own = side.of(&container.resources);
            let in_effect = self.with_status.then(|| status_of(pod, container)).flatten();
            let Some((status, actuated)) = in_effect.and_then(|status| Some((status, status.resources.as_ref()?)))
            else {
                return Cow::Borrowed(own);
            };
            let allocated = (side == Side::Requests).then_some(&status.allocated_resources);
            Cow::Owned(effective(own, side.of(actuated), allocated, infeasible))
        })
    }

    fn set_pod_level(self, pod: &Pod, side: Side, total: &mut Map<Quantity>) {
        let Some(resources) = pod.spec.resources.as_ref().filter(|_| self.pod_level) else {
            return;
        };
        let own = side.of(resources);
        let counted = self.with_status && self.with_pod_level_status;
        let actuated = pod.status.resources.as_ref().filter(|_| counted);
        let in_effect = actuated.map(|actuated| {
            let allocated = (side == Side::Requests).then_some(&pod.status.allocated_resources);
            effective(own, side.of(actuated), allocated, is_resize_infeasible(pod))
        });
        for (name, quantity) in own.iter().filter(|(name, _)| is_supported_at_pod_level(name)) {
            let value = match &in_effect {
                Some(in_effect) => in_effect.get(name).cloned().unwrap_or_default(),
                None => quantity.clone(),
            };
            total.insert(name.clone(), value);
        }
    }
}

/// Whether the pod as a whole asks for something, or is limited.
#[must_use]
pub fn is_pod_level_set(pod: &Pod) -> bool {
    pod.spec.resources.as_ref().is_some_and(|resources| {
        let mut names = resources.requests.keys().chain(resources.limits.keys());
        names.any(|name| is_supported_at_pod_level(name))
    })
}

/// A resize is pending that the node cannot ever make.
fn is_resize_infeasible(pod: &Pod) -> bool {
    let pending = pod.status.conditions.iter().find(|c| c.type_ == "PodResizePending");
    pending.is_some_and(|condition| condition.reason == "Infeasible")
}

/// The status of a container that runs beside the others.
fn status_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let regular = pod.spec.containers.iter().any(|c| std::ptr::eq(c, container));
    if !regular && !is_sidecar(container) {
        return None;
    }
    let named = |statuses: &'a [ContainerStatus]| statuses.iter().find(|status| status.name == container.name);
    named(&pod.status.init_container_statuses).or_else(|| named(&pod.status.container_statuses))
}

/// The larger of what was asked for (unless it will never come), what is in effect and what is allocated.
fn effective(
    own: &Map<Quantity>,
    actuated: &Map<Quantity>,
    allocated: Option<&Map<Quantity>>,
    infeasible: bool,
) -> Map<Quantity> {
    let mut most = actuated.clone();
    if let Some(allocated) = allocated {
        raise(&mut most, allocated);
    }
    if !infeasible {
        raise(&mut most, own);
    }
    most
}
