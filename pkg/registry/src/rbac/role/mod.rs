//! Roles.

mod strategy;

pub use strategy::RoleStrategy;
