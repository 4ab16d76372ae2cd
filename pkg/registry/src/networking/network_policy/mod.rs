//! Network policies.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::networking::network_policy;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::NetworkPolicyStrategy;

/// The resource `networkpolicies`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("networkpolicies", NetworkPolicyStrategy, network_policy::set_defaults).table(COLUMNS, row)
}
