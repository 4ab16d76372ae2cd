//! The rules of validating admission policies.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apis_cluster::admissionregistration::validating_admission_policy as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicy;

use super::super::{static_suffix_on_create, with_static_suffix};

use crate::metadata::reset_for_status;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ValidatingAdmissionPolicyStrategy;

impl Strategy for ValidatingAdmissionPolicyStrategy {
    type Object = ValidatingAdmissionPolicy;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut ValidatingAdmissionPolicy) {
        object.status = Default::default();
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &ValidatingAdmissionPolicy) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut ValidatingAdmissionPolicy,
        old: &ValidatingAdmissionPolicy,
    ) {
        new.status = old.status.clone();
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingAdmissionPolicy,
        old: &ValidatingAdmissionPolicy,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &ValidatingAdmissionPolicy) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingAdmissionPolicy,
        _old: &ValidatingAdmissionPolicy,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
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
pub struct ValidatingAdmissionPolicyStatusStrategy;

impl Strategy for ValidatingAdmissionPolicyStatusStrategy {
    type Object = ValidatingAdmissionPolicy;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &ValidatingAdmissionPolicy) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut ValidatingAdmissionPolicy,
        old: &ValidatingAdmissionPolicy,
    ) {
        new.spec = old.spec.clone();
        reset_for_status(&mut new.metadata, &old.metadata);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingAdmissionPolicy,
        _old: &ValidatingAdmissionPolicy,
    ) -> ErrorList {
        rules::validate_status_update(new)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["metadata"], &["spec"]]
    }
}
