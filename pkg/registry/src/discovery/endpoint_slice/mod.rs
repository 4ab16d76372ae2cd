//! Endpoint slices.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::discovery::endpoint_slice;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::EndpointSliceStrategy;

/// The resource `endpointslices`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("endpointslices", EndpointSliceStrategy, endpoint_slice::set_defaults).table(COLUMNS, row)
}
