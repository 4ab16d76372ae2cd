//! What a table shows of validating admission policy bindings.

use apiserver::registry::{Column, Row};
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;

use super::super::param_ref;
use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("PolicyName", "string"), column("ParamRef", "string"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &ValidatingAdmissionPolicyBinding, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.policy_name.as_str().into(),
        param_ref(object.spec.param_ref.as_deref()).into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
