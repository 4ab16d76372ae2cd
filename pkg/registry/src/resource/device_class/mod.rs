//! Device classes.

mod printer;
mod strategy;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::DeviceClassStrategy;

/// The resource `deviceclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("deviceclasses", DeviceClassStrategy, no_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
