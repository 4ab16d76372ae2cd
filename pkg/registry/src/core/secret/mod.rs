//! Secrets.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::secret;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::SecretStrategy;

/// The resource `secrets`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("secrets", SecretStrategy, secret::set_defaults).table(COLUMNS, row)
}
