//! The rules of validating admission policies.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::validating_admission_policy as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicy;

use super::super::strategy::{self, AdmissionKind};
use crate::metadata::reset_for_status;

impl AdmissionKind for ValidatingAdmissionPolicy {
    fn validate(&self) -> ErrorList {
        rules::validate(self)
    }

    fn validate_update(&self, old: &Self) -> ErrorList {
        rules::validate_update(self, old)
    }

    fn differs(&self, old: &Self) -> bool {
        self.spec != old.spec
    }

    fn clear_status(&mut self) {
        self.status = Default::default();
    }

    fn keep_status(&mut self, old: &Self) {
        self.status = old.status.clone();
    }

    const RESET: &'static [&'static [&'static str]] = &[&["status"]];
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
        strategy::validate(context, object)
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
