//! Volume attachments.

mod printer;
mod strategy;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{VolumeAttachmentStatusStrategy, VolumeAttachmentStrategy};

/// The resource `volumeattachments`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("volumeattachments", VolumeAttachmentStrategy, no_defaults)
        .table(COLUMNS, row)
        .update("status", VolumeAttachmentStatusStrategy)
        .returns_deleted_object()
}
