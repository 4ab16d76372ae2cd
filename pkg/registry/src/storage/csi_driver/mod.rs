//! CSI drivers.

mod printer;
mod strategy;

use apis_cluster::storage::csi_driver;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::CSIDriverStrategy;

/// The resource `csidrivers`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("csidrivers", CSIDriverStrategy, csi_driver::set_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
