//! The rules of validating admission policy bindings.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apis_cluster::admissionregistration::validating_admission_policy_binding as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;

use super::super::{static_suffix_on_create, with_static_suffix};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ValidatingAdmissionPolicyBindingStrategy;

impl Strategy for ValidatingAdmissionPolicyBindingStrategy {
    type Object = ValidatingAdmissionPolicyBinding;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut ValidatingAdmissionPolicyBinding) {
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &ValidatingAdmissionPolicyBinding) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut ValidatingAdmissionPolicyBinding,
        old: &ValidatingAdmissionPolicyBinding,
    ) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingAdmissionPolicyBinding,
        _old: &ValidatingAdmissionPolicyBinding,
    ) -> ErrorList {
        rules::validate(new)
    }

    fn warnings_on_create(
        &self,
        context: &StrategyContext<'_>,
        object: &ValidatingAdmissionPolicyBinding,
    ) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingAdmissionPolicyBinding,
        _old: &ValidatingAdmissionPolicyBinding,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
