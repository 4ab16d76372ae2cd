//! What a table shows of validating admission policies.

use apiserver::registry::{Column, Row};
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicy;

use super::super::param_kind;
use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Validations", "integer"),
    column("ParamKind", "string"),
    AGE,
];

/// The cells of one object.
#[must_use]
pub fn row(object: &ValidatingAdmissionPolicy, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.validations.len().into(),
        param_kind(object.spec.param_kind.as_deref()).into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
