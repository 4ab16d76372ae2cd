//! What a table shows of mutating admission policies.

use apiserver::registry::{Column, Row};
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicy;

use super::super::param_kind;
use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Mutations", "integer"), column("ParamKind", "string"), AGE];

/// The cells of one object.
#[must_use]
pub fn row(object: &MutatingAdmissionPolicy, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.mutations.len().into(),
        param_kind(object.spec.param_kind.as_deref()).into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
