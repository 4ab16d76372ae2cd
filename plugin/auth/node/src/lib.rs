//! What kubelets may do (upstream: `plugin/pkg/auth/authorizer/node`).
//!
//! A node reads the secrets, config maps, claims, volumes and service accounts that its own pods refer to, and
//! no others. [`Graph`] is fed with pods and volumes as they change; it keeps, for every object that is referred
//! to, the nodes that reach it, so that a decision is one look-up however many pods there are.

mod authorizer;
mod graph;
mod references;

#[cfg(test)]
mod tests;

pub use authorizer::NodeAuthorizer;
pub use graph::{Graph, Kind, Progress};
