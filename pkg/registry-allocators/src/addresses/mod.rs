//! Cluster IPs: ranges of addresses, and what is taken of them.

mod cluster_ips;
mod range;
#[cfg(test)]
mod tests;

pub use cluster_ips::{AddressError, ClusterIps};
pub(crate) use cluster_ips::{FAMILY_LABEL, MANAGED_BY_LABEL, MANAGER, ip_address};
pub use range::{AddressRange, RangeError};
