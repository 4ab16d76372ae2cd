//! What `kubectl get controllerrevisions` shows.

use apiserver::registry::{Column, Row};
use k8s_api::apps::v1::ControllerRevision;

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Controller", "string"), column("Revision", "string"), AGE];

/// The cells of a revision.
#[must_use]
pub fn row(revision: &ControllerRevision, now: jiff::Timestamp) -> Row {
    let metadata = &revision.metadata;
    let controller = metadata
        .owner_references
        .iter()
        .find(|owner| owner.controller == Some(true));
    let controller = controller.map(|owner| {
        let kind = match owner.api_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", owner.kind),
            None => owner.kind.clone(),
        };
        format!("{}/{}", kind.to_lowercase(), owner.name)
    });
    vec![
        metadata.name.as_str().into(),
        controller.unwrap_or_else(|| NONE.into()).into(),
        revision.revision.into(),
        age(metadata.creation_timestamp, now).into(),
    ]
}
