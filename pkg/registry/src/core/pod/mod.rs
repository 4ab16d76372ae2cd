//! Pods: what each of their endpoints may change, how they are bound, shown and taken away.

mod app_armor;
mod binding;
mod bindings;
mod conditions;
mod eviction;
mod label_keys;
mod printer;
mod strategy;
mod subresources;
#[cfg(test)]
mod tests;

use apis_pod::pod::set_pod_defaults;

use crate::{Settings, registration::Registration};

pub use binding::{BindError, bind};
pub use bindings::Bindings;
pub use eviction::Evictions;
pub use printer::{COLUMNS, conditions, row};
pub use strategy::PodStrategy;
pub use subresources::{EphemeralContainersStrategy, ResizeStrategy, StatusStrategy};

/// The resource `pods`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    let pods = PodStrategy {
        allow_privileged: settings.allow_privileged,
    };
    Registration::new("pods", pods, set_pod_defaults)
        .table_with_conditions(COLUMNS, row, conditions)
        .update("status", StatusStrategy(pods))
        .update("ephemeralcontainers", EphemeralContainersStrategy(pods))
        .update("resize", ResizeStrategy(pods))
        .indexed(&["spec.nodeName"])
        .returns_deleted_object()
}
