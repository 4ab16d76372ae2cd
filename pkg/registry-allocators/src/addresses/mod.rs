//! Cluster IPs: ranges of addresses, and what is taken of them.

mod cluster_ips;
mod range;
#[cfg(test)]
mod tests;

pub use cluster_ips::{AddressError, ClusterIps, FAMILY_LABEL, MANAGED_BY_LABEL, MANAGER};
pub(crate) use cluster_ips::{ip_address, is_ready};
pub use range::{AddressRange, RangeError};
