//! Resource slices.

mod disabled;
mod printer;
mod strategy;

use apis_cluster::resource::resource_slice;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ResourceSliceStrategy;

/// The resource `resourceslices`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("resourceslices", ResourceSliceStrategy, resource_slice::set_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
