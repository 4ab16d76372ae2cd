//! Go's way of quoting strings in messages.

pub use k8s_api::primitives::quote;
