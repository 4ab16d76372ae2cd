//! What the controllers that run pods share: owners, pods, their creation and deletion, revisions.

mod batch;
mod claim;
mod error;
mod hash;
pub mod history;
mod owner_kinds;
mod owners;
mod patience;
mod pod_control;
pub mod pods;
mod wake;

#[cfg(test)]
mod tests;

pub use batch::slow_start_batch;
pub use claim::{Claim, claimed};
pub use error::SyncError;
pub use hash::{compute_hash, fnv32a, safe_encode};
pub use owners::{
    BY_CONTROLLER, controller_of, controller_reference, index_by_controller, is_controlled_by, orphans_key,
    owned_or_orphans,
};
pub use patience::Patience;
pub use pod_control::{PodControl, pod_from_template};
pub use wake::{PodOwner, PodWaker, resolve_owner};
