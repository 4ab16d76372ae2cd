//! The rules of mutating admission policy bindings.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::mutating_admission_policy_binding as rules;
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicyBinding;

use super::super::strategy::AdmissionKind;

impl AdmissionKind for MutatingAdmissionPolicyBinding {
    fn validate(&self) -> ErrorList {
        rules::validate(self)
    }

    fn differs(&self, old: &Self) -> bool {
        self.spec != old.spec
    }
}
