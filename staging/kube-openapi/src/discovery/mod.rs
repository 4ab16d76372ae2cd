//! Discovery: which groups, versions and resources there are.
//!
//! [`ApiGroups`] holds them while they come and go; [`legacy`] and [`aggregated`] turn them into the
//! two forms that clients ask for. Upstream's counterpart is
//! `k8s.io/apiserver/pkg/endpoints/discovery` with the aggregator's handlers on top.

pub mod aggregated;
mod builtin;
pub mod legacy;
mod priority;
mod registry;
#[cfg(test)]
mod tests;
mod types;

pub use builtin::{STORED, Subresource, builtin_groups, subresource};
pub use priority::{CUSTOM_RESOURCES, Priority, compare_versions, priority_of};
pub use registry::{ApiGroups, Source};
pub use types::{ApiGroup, ApiVersion, Freshness, GroupVersionKind, Resource, ResourceSubresource};
