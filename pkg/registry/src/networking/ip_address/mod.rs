//! Addresses that are taken.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::IPAddressStrategy;

/// The resource `ipaddresses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("ipaddresses", IPAddressStrategy, no_defaults).table(COLUMNS, row)
}
