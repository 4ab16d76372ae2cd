//! API services.

mod printer;
mod strategy;

use apis_cluster::apiregistration::api_service;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{APIServiceStatusStrategy, APIServiceStrategy};

/// The resource `apiservices`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "apiregistration.k8s.io/apiservices",
        APIServiceStrategy,
        api_service::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", APIServiceStatusStrategy)
}
