//! Ingress classes.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::networking::ingress_class;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::IngressClassStrategy;

/// The resource `ingressclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("ingressclasses", IngressClassStrategy, ingress_class::set_defaults).table(COLUMNS, row)
}
