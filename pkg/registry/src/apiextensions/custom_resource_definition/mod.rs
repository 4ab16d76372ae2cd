//! Custom resource definitions.

mod strategy;

use apis_cluster::apiextensions::custom_resource_definition;

use crate::registration::Registration;

pub use strategy::{CustomResourceDefinitionStatusStrategy, CustomResourceDefinitionStrategy};

/// The resource `customresourcedefinitions`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "apiextensions.k8s.io/customresourcedefinitions",
        CustomResourceDefinitionStrategy,
        custom_resource_definition::set_defaults,
    )
    .update("status", CustomResourceDefinitionStatusStrategy)
}
