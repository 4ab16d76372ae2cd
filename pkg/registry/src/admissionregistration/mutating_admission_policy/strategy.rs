//! The rules of mutating admission policies.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::mutating_admission_policy as rules;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicy;

use super::super::{static_suffix_on_create, with_static_suffix};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct MutatingAdmissionPolicyStrategy;

impl Strategy for MutatingAdmissionPolicyStrategy {
    type Object = MutatingAdmissionPolicy;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut MutatingAdmissionPolicy) {
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &MutatingAdmissionPolicy) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut MutatingAdmissionPolicy,
        old: &MutatingAdmissionPolicy,
    ) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingAdmissionPolicy,
        old: &MutatingAdmissionPolicy,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &MutatingAdmissionPolicy) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingAdmissionPolicy,
        _old: &MutatingAdmissionPolicy,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
