//! Storage classes.

mod printer;
mod strategy;

use apis_cluster::storage::storage_class;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::StorageClassStrategy;

/// The resource `storageclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("storageclasses", StorageClassStrategy, storage_class::set_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
