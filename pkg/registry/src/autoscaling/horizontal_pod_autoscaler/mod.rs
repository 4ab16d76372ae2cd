//! Horizontal pod autoscalers and their status.

mod metrics;
mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::autoscaling::horizontal_pod_autoscaler as rules;
use apiserver::registry::ConvertingCodec;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{HorizontalPodAutoscalerStrategy, StatusStrategy};

/// The resource `horizontalpodautoscalers`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "horizontalpodautoscalers",
        HorizontalPodAutoscalerStrategy,
        rules::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", StatusStrategy)
    .version(
        ConvertingCodec::new(rules::set_defaults_v1, rules::from_v1, rules::to_v1),
        &[],
    )
}
