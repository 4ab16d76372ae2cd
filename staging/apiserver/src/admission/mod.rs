//! Admission: plugins that change and refuse writes, in one fixed order.
//!
//! First every plugin that changes objects, then, on the final object, every plugin that only
//! judges (upstream: `k8s.io/apiserver/pkg/admission`). What a plugin knows of other objects it
//! reads through a [`Lookup`].

mod attributes;
mod chain;
mod connect;
mod lookup;
mod metrics;
mod permissions;
mod reinvocation;
#[cfg(test)]
mod tests;

pub use attributes::{Attributes, GroupVersionName, Operation, WriteOptions, plain_error};
pub use chain::{Chain, Plugin};
pub use connect::ConnectOptions;
pub use lookup::{Derived, Equivalent, FixedLookup, Lookup, StoreDirectory};
pub use metrics::{AdmissionMetrics, Phase, WebhookMetrics};
pub use permissions::Permissions;
pub use reinvocation::Reinvocation;
