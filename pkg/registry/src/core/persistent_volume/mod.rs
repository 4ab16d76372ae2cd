//! Persistent volumes and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::persistent_volume;

use crate::registration::Registration;

pub(crate) use printer::access_modes;
pub use printer::{COLUMNS, row};
pub use strategy::{PersistentVolumeStrategy, StatusStrategy};

/// The resource `persistentvolumes`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "persistentvolumes",
        PersistentVolumeStrategy,
        persistent_volume::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", StatusStrategy)
    .returns_deleted_object()
}
