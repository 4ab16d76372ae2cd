//! Resource claim templates.

mod printer;
mod strategy;

use apis_cluster::resource::resource_claim_template;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ResourceClaimTemplateStrategy;

/// The resource `resourceclaimtemplates`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "resourceclaimtemplates",
        ResourceClaimTemplateStrategy,
        resource_claim_template::set_defaults,
    )
    .table(COLUMNS, row)
    .returns_deleted_object()
}
