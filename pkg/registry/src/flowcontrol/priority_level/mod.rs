//! Priority levels.

mod printer;
mod strategy;

use apis_cluster::flowcontrol::priority_level;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{PriorityLevelConfigurationStatusStrategy, PriorityLevelConfigurationStrategy};

/// The resource `prioritylevelconfigurations`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "prioritylevelconfigurations",
        PriorityLevelConfigurationStrategy,
        priority_level::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", PriorityLevelConfigurationStatusStrategy)
}
