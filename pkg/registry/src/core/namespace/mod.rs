//! Namespaces, their status, and the removal of their spec finalizers.

mod hooks;
mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apis_core::core::namespace;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{FinalizeStrategy, NamespaceStrategy, StatusStrategy};

/// The resource `namespaces`.
#[must_use]
pub fn registration() -> Registration {
    let mut registration = Registration::new("namespaces", NamespaceStrategy, namespace::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
        .update("finalize", FinalizeStrategy)
        .returns_deleted_object();
    registration.hooks = Arc::new(hooks::NamespaceHooks);
    registration
}
