//! Volume attributes classes.

mod printer;
mod strategy;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::VolumeAttributesClassStrategy;

/// The resource `volumeattributesclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("volumeattributesclasses", VolumeAttributesClassStrategy, no_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
