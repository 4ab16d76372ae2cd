//! `metadata.managedFields` through updates and applies.
//!
//! [`FieldManager`] is one resource's (and subresource's) view at one API version:
//! [`FieldManager::update`] records what a create, update or patch changed, [`FieldManager::apply`]
//! merges an applied configuration, refusing conflicts with [`ApplyError::Conflict`].
//!
//! Entries stay in their JSON form until a change touches them, so that tracking a small update
//! costs the comparison of the two objects and little else. Only the pure rules are here: typing
//! and defaulting the result is up to the caller, as is reading the clock.
//!
//! Corresponds upstream to `k8s.io/apimachinery/pkg/util/managedfields` and
//! `structured-merge-diff/merge`.

mod cap;
mod conflict;
mod csa_upgrade;
mod entry;
mod extent;
mod last_applied;
mod no_op;
mod prune;
mod scale;
#[cfg(test)]
mod tests;
mod tracker;
mod types;
mod update;
mod user_agent;

pub use conflict::{Conflict, Conflicts};
pub use csa_upgrade::{upgrade_managed_fields, upgrade_managed_fields_patch};
pub use entry::{ManagedFieldsError, ManagerKey, Operation, validate_managed_fields};
pub use extent::{Extent, Merged};
pub use last_applied::LAST_APPLIED_CONFIG_ANNOTATION;
pub use no_op::keep_times_of_no_op;
pub use scale::ScaleHandler;
pub use tracker::{ApplyOptions, FieldManager};
pub use types::{ConvertError, ResetFields, SingleVersion, VersionedTypes};
pub use user_agent::{FIELD_MANAGER_MAX_LENGTH, manager_or_user_agent};

/// Why an apply is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The request itself is wrong (400).
    #[error("{0}")]
    BadRequest(String),
    /// Other managers own fields the configuration sets to another value (409); the message is
    /// [`Conflicts`]'s, the causes come from [`Conflicts::causes`].
    #[error("{0}")]
    Conflict(Conflicts),
    /// The objects do not fit the schema or cannot be converted; upstream answers 500.
    #[error("{0}")]
    Internal(String),
}
