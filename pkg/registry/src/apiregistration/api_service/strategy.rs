//! The rules of aPI services.

use apimachinery::field::ErrorList;
use apis_cluster::apiregistration::api_service as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::{
    apiregistration::v1::{APIService, APIServiceCondition},
    primitives::Time,
};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct APIServiceStrategy;

impl Strategy for APIServiceStrategy {
    type Object = APIService;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut APIService) {
        object.status = Default::default();
        if object.spec.service.is_none() {
            object.status.conditions.push(local(context.now.into()));
        }
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &APIService) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut APIService, old: &APIService) {
        new.status = old.status.clone();
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &APIService, old: &APIService) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of `status`.
#[derive(Clone, Copy, Debug)]
pub struct APIServiceStatusStrategy;

impl Strategy for APIServiceStatusStrategy {
    type Object = APIService;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &APIService) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut APIService, old: &APIService) {
        new.spec = old.spec.clone();
        let (new, old) = (&mut new.metadata, &old.metadata);
        new.labels.clone_from(&old.labels);
        new.annotations.clone_from(&old.annotations);
        new.finalizers.clone_from(&old.finalizers);
        new.owner_references.clone_from(&old.owner_references);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &APIService, old: &APIService) -> ErrorList {
        rules::validate_status_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"], &["metadata"]]
    }
}

/// What is served here is always there.
fn local(now: Time) -> APIServiceCondition {
    APIServiceCondition {
        type_: "Available".into(),
        status: "True".into(),
        reason: "Local".into(),
        message: "Local APIServices are always available".into(),
        last_transition_time: Some(now),
    }
}
