//! The rules of mutating admission policy bindings.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::mutating_admission_policy_binding as rules;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicyBinding;

use super::super::{static_suffix_on_create, with_static_suffix};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct MutatingAdmissionPolicyBindingStrategy;

impl Strategy for MutatingAdmissionPolicyBindingStrategy {
    type Object = MutatingAdmissionPolicyBinding;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut MutatingAdmissionPolicyBinding) {
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &MutatingAdmissionPolicyBinding) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut MutatingAdmissionPolicyBinding,
        old: &MutatingAdmissionPolicyBinding,
    ) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingAdmissionPolicyBinding,
        _old: &MutatingAdmissionPolicyBinding,
    ) -> ErrorList {
        rules::validate(new)
    }

    fn warnings_on_create(
        &self,
        context: &StrategyContext<'_>,
        object: &MutatingAdmissionPolicyBinding,
    ) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingAdmissionPolicyBinding,
        _old: &MutatingAdmissionPolicyBinding,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
