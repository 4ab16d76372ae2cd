//! The rules of autoscalers, whose hub is v2.

use apimachinery::field::ErrorList;
use apis_workloads::autoscaling::horizontal_pod_autoscaler;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus};

/// The rules of autoscalers.
#[derive(Clone, Copy, Debug)]
pub struct HorizontalPodAutoscalerStrategy;

impl Strategy for HorizontalPodAutoscalerStrategy {
    type Object = HorizontalPodAutoscaler;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, autoscaler: &mut HorizontalPodAutoscaler) {
        autoscaler.status = HorizontalPodAutoscalerStatus::default();
        horizontal_pod_autoscaler::drop_disabled_fields(autoscaler, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, autoscaler: &HorizontalPodAutoscaler) -> ErrorList {
        horizontal_pod_autoscaler::validate(autoscaler, context.gates)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut HorizontalPodAutoscaler,
        old: &HorizontalPodAutoscaler,
    ) {
        new.status.clone_from(&old.status);
        horizontal_pod_autoscaler::drop_disabled_fields(new, Some(old), context.gates);
    }

    fn validate_update(
        &self,
        context: &StrategyContext<'_>,
        new: &HorizontalPodAutoscaler,
        old: &HorizontalPodAutoscaler,
    ) -> ErrorList {
        horizontal_pod_autoscaler::validate_update(new, old, context.gates)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of an autoscaler's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = HorizontalPodAutoscaler;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, autoscaler: &HorizontalPodAutoscaler) -> ErrorList {
        HorizontalPodAutoscalerStrategy.validate(context, autoscaler)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut HorizontalPodAutoscaler,
        old: &HorizontalPodAutoscaler,
    ) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &HorizontalPodAutoscaler,
        old: &HorizontalPodAutoscaler,
    ) -> ErrorList {
        horizontal_pod_autoscaler::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
