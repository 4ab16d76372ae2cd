//! Claims of persistent volumes and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::persistent_volume_claim;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{PersistentVolumeClaimStrategy, StatusStrategy};

/// The resource `persistentvolumeclaims`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "persistentvolumeclaims",
        PersistentVolumeClaimStrategy,
        persistent_volume_claim::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", StatusStrategy)
    .returns_deleted_object()
}
