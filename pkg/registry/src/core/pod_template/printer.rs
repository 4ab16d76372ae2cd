//! What `kubectl get podtemplates` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::PodTemplate;

use crate::printing::{NAME, column, containers, labels};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Containers", "string"),
    column("Images", "string"),
    column("Pod Labels", "string"),
];

/// The cells of a template.
#[must_use]
pub fn row(template: &PodTemplate, _now: jiff::Timestamp) -> Row {
    let (names, images) = containers(&template.template.spec.containers);
    vec![
        template.metadata.name.as_str().into(),
        names.into(),
        images.into(),
        labels(&template.template.metadata.labels).into(),
    ]
}
