//! Admission: plugins that change and refuse writes, in one fixed order.
//!
//! First every plugin that changes objects, then, on the final object, every plugin that only
//! judges (upstream: `k8s.io/apiserver/pkg/admission`). What a plugin knows of other objects it
//! reads through a [`Lookup`].

mod attributes;
mod chain;
mod lookup;
mod metrics;
mod permissions;
#[cfg(test)]
mod tests;

pub use attributes::{Attributes, GroupVersionName, Operation, WriteOptions, plain_error};
pub use chain::{Chain, Plugin};
pub use lookup::{Derived, FixedLookup, Lookup, StoreDirectory};
pub use metrics::AdmissionMetrics;
pub use permissions::Permissions;
