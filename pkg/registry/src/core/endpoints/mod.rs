//! Endpoints.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::endpoints;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::EndpointsStrategy;

/// The resource `endpoints`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("services/endpoints", EndpointsStrategy, endpoints::set_defaults)
        .table(COLUMNS, row)
        .deprecated("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
}
