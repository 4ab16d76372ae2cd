//! Volume attachments.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::{VolumeAttachmentStatusStrategy, VolumeAttachmentStrategy};
