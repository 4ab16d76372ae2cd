//! `LimitRanger`: defaults and bounds of what single containers, pods and claims ask for.

mod constraints;
mod defaults;
#[cfg(test)]
mod tests;

use std::{ops::ControlFlow, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{LimitRange, PersistentVolumeClaim, Pod};

use crate::aggregate;

/// The plugin `LimitRanger`.
#[derive(Debug)]
pub struct LimitRanger {
    ranges: Arc<dyn Lookup<LimitRange>>,
    pod_level: bool,
}

/// Pods are bounded when they are made and when they are resized, claims always.
fn is_bounded(attributes: &Attributes<'_>) -> bool {
    let leaving = attributes
        .old
        .is_some_and(|old| old.metadata().deletion_timestamp.is_some());
    let pods = attributes.is("", "pods");
    let bounded = match (attributes.subresource, attributes.operation) {
        ("resize", Operation::Update) => pods,
        ("", Operation::Create) => true,
        ("", Operation::Update) => !pods,
        _ => false,
    };
    bounded && !leaving
}

impl LimitRanger {
    /// A plugin that finds limit ranges there.
    #[must_use]
    pub fn new(gates: &FeatureGates, ranges: Arc<dyn Lookup<LimitRange>>) -> Self {
        Self {
            ranges,
            pod_level: gates.enabled(Feature::PodLevelResources),
        }
    }

    async fn catch_up(&self) {
        if self.ranges.lags() {
            self.ranges.catch_up().await;
        }
    }

    /// The faults that the first range with faults finds.
    fn faults(&self, namespace: &str, object: &dyn AnyObject) -> Option<String> {
        let mut found = None;
        self.ranges.visit(namespace, &mut |range| {
            let limits = &range.spec.limits;
            let faults = if let Some(pod) = object.downcast_ref::<Pod>() {
                constraints::of_pod(limits, pod, self.pod_level)
            } else if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
                constraints::of_claim(limits, claim)
            } else {
                Vec::new()
            };
            found = aggregate(faults);
            if found.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found
    }
}

#[async_trait]
impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && matches!(resource, "pods" | "persistentvolumeclaims")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !is_bounded(attributes) {
            return Ok(());
        }
        let Some(pod) = object.and_then(|object| object.as_mut().downcast_mut::<Pod>()) else {
            return Ok(());
        };
        self.catch_up().await;
        self.ranges.visit(attributes.namespace, &mut |range| {
            defaults::complete(pod, &range.spec.limits);
            ControlFlow::Continue(())
        });
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let Some(object) = object.filter(|_| is_bounded(attributes)) else {
            return Ok(());
        };
        self.catch_up().await;
        match self.faults(attributes.namespace, object) {
            Some(faults) => Err(attributes.forbidden(Some(object), faults)),
            None => Ok(()),
        }
    }
}
