//! The evaluators.

mod object_count;
mod persistent_volume_claims;
mod pods;
mod resource_claims;
mod services;

pub use object_count::{ObjectCount, object_count_name};
pub use persistent_volume_claims::PersistentVolumeClaims;
pub use pods::{Pods, extended_resource_of_quota, is_terminating};
pub use resource_claims::{ClaimOwner, DeviceClassNames, ResourceClaims};
pub use services::Services;

use k8s_api::primitives::{Format, Quantity};

/// A number of things.
fn number(count: i64) -> Quantity {
    Quantity::new(count, Format::DecimalSI)
}
