//! Resource claims.

mod printer;
mod status;
mod strategy;

use apis_cluster::resource::resource_claim;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{ResourceClaimStatusStrategy, ResourceClaimStrategy};

/// The resource `resourceclaims`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("resourceclaims", ResourceClaimStrategy, resource_claim::set_defaults)
        .table(COLUMNS, row)
        .update("status", ResourceClaimStatusStrategy)
        .returns_deleted_object()
}
