//! The API server behind the seams of `kubelet-types`.
//!
//! - [`ApiPods`]: pods of this node as they come, and what is written to them;
//! - [`ApiObjects`]: what pods refer to, followed object by object;
//! - [`ApiTokens`] and [`ApiEvents`]: tokens of service accounts, events;
//! - [`Standalone`]: all of that for a node without an API server.

mod events;
mod objects;
mod pods;
mod standalone;
mod tokens;

pub use events::ApiEvents;
pub use objects::{ApiObjects, ChangeDetection, Changed};
pub use pods::{ApiPods, follow_pods};
pub use standalone::Standalone;
pub use tokens::ApiTokens;

use kubelet_types::seams::ApiError;

/// An error of the client in the words that events and statuses carry.
pub(crate) fn api_error(error: &client_go::Error) -> ApiError {
    let words = error.to_string();
    if error.is_not_found() {
        ApiError::NotFound(words)
    } else if error.is_conflict() || error.is_already_exists() {
        ApiError::Conflict(words)
    } else {
        ApiError::Other(words)
    }
}
