//! CSI nodes.

mod printer;
mod strategy;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::CSINodeStrategy;

/// The resource `csinodes`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("csinodes", CSINodeStrategy, no_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
