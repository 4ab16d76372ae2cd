//! The controllers that keep a cluster's own order.
//!
//! One folder a controller; each has a `build` that the manager's table names. Namespaces end with everything in them
//! ([`namespace`]), have a service account ([`service_accounts`]) and the cluster's CA ([`root_ca`]); token secrets are
//! filled ([`tokens`]) and forgotten when nobody uses them ([`legacy_token_cleaner`]); roles are aggregated
//! ([`cluster_role_aggregation`]), quotas counted ([`resource_quota`]), service ranges protected ([`service_cidr`]), and
//! bootstrap tokens used and ended ([`bootstrap`]).
//!
//! Upstream counterparts: the packages of these names in `pkg/controller`.

pub mod bootstrap;
pub mod cluster_role_aggregation;
pub mod files;
pub mod legacy_token_cleaner;
pub mod namespace;
pub mod root_ca;
pub mod service_accounts;
pub mod service_cidr;
pub mod tokens;

#[cfg(test)]
mod testing;
