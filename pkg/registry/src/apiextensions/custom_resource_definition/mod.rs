//! Custom resource definitions.

mod strategy;

pub use strategy::{CustomResourceDefinitionStatusStrategy, CustomResourceDefinitionStrategy};
