//! Events.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::event;
use apiserver::registry::ConvertingCodec;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{EventStrategy, V1_FIELD_NAMES};

/// The resource `events`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("events", EventStrategy, no_defaults)
        .table(COLUMNS, row)
        .version(
            ConvertingCodec::new(no_defaults, event::from_v1, event::to_v1),
            V1_FIELD_NAMES,
        )
        .expires()
}
