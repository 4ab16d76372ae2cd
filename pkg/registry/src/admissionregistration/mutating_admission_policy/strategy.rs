//! The rules of mutating admission policies.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::mutating_admission_policy as rules;
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicy;

use super::super::strategy::AdmissionKind;

impl AdmissionKind for MutatingAdmissionPolicy {
    fn validate(&self) -> ErrorList {
        rules::validate(self)
    }

    fn validate_update(&self, old: &Self) -> ErrorList {
        rules::validate_update(self, old)
    }

    fn differs(&self, old: &Self) -> bool {
        self.spec != old.spec
    }
}
