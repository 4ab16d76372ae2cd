//! What a table shows of volume attachments.

use apiserver::registry::{Column, Row};
use k8s_api::storage::v1::VolumeAttachment;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    Column {
        format: "name",
        ..column("Attacher", "string")
    },
    column("PV", "string"),
    column("Node", "string"),
    column("Attached", "boolean"),
    AGE,
];

/// The cells of one object.
#[must_use]
pub fn row(object: &VolumeAttachment, now: jiff::Timestamp) -> Row {
    vec![
        object.metadata.name.as_str().into(),
        object.spec.attacher.as_str().into(),
        object
            .spec
            .source
            .persistent_volume_name
            .as_deref()
            .unwrap_or_default()
            .into(),
        object.spec.node_name.as_str().into(),
        object.status.attached.into(),
        age(object.metadata.creation_timestamp, now).into(),
    ]
}
