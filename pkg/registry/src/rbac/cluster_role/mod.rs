//! Cluster roles.

mod strategy;

pub use strategy::ClusterRoleStrategy;
