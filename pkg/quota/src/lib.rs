//! What objects use of a quota.
//!
//! An [`Evaluator`] a resource says which names of a quota it counts, what one object uses of them, and
//! which scopes the object is in. Admission charges single objects; the controller adds up all objects
//! of a namespace with [`usage`]. Both find evaluators in a [`Registry`]; what has none of its own is
//! counted as an object ([`ObjectCount`]).
//!
//! No IO and no API server here: objects are handed in. Upstream counterparts:
//! `k8s.io/apiserver/pkg/quota/v1` and `pkg/quota/v1`.

mod evaluator;
mod evaluators;
mod list;
mod registry;
mod scopes;
#[cfg(test)]
mod tests;
mod usage;

pub use evaluator::{Evaluator, Item, Operation, Write};
pub use evaluators::{
    ClaimOwner, DeviceClassNames, ObjectCount, PersistentVolumeClaims, Pods, ResourceClaims, Services,
    extended_resource_of_quota, is_terminating, object_count_name,
};
pub use list::{
    ResourceList, add, equals, exceeded, format, format_names, mask, negative_names, subtract, subtract_to_zero,
    without_zeros,
};
pub use registry::{IGNORED_RESOURCES, LEGACY_OBJECT_COUNTS, Registry};
pub use scopes::{ScopeError, scope_selectors};
pub use usage::{Counted, matched_names, usage};
