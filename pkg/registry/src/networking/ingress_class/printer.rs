//! What `kubectl get ingressclasses` shows.

use apiserver::registry::{Column, Row};
use k8s_api::networking::v1::{IngressClass, IngressClassParametersReference};

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Controller", "string"),
    column("Parameters", "string"),
    AGE,
];

const DEFAULT_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";

fn parameters(reference: &IngressClassParametersReference) -> String {
    match &reference.api_group {
        Some(group) => format!("{}.{group}/{}", reference.kind, reference.name),
        None => format!("{}/{}", reference.kind, reference.name),
    }
}

/// The cells of a class.
#[must_use]
pub fn row(class: &IngressClass, now: jiff::Timestamp) -> Row {
    let IngressClass { metadata, spec } = class;
    let default = metadata.annotations.get(DEFAULT_ANNOTATION);
    let mark = if default.is_some_and(|value| value == "true") {
        " (default)"
    } else {
        ""
    };
    vec![
        format!("{}{mark}", metadata.name).into(),
        spec.controller.as_str().into(),
        spec.parameters
            .as_deref()
            .map_or_else(|| NONE.into(), parameters)
            .into(),
        age(metadata.creation_timestamp, now).into(),
    ]
}
