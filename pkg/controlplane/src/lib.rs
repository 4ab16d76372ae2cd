//! Puts the API server together: storage, resources, documents, and what the server itself keeps.

mod access;
mod debug;
mod documents;
mod install;
mod keeping;
mod options;
mod resources;
mod reviews;
mod server;
mod snapshot;
mod storage;
mod stores;
mod subresources;

pub use options::{ApiOptions, CompatibleOptions, GenericOptions, ServerOptions, ServiceOptions, StorageOptions};
pub use server::{ControlPlane, RunError, run};
pub use snapshot::{SnapshotError, restore, snapshot};
