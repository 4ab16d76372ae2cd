//! Puts the API server together: storage, resources, documents, and what the server itself keeps.

mod access;
mod documents;
mod install;
mod keeping;
mod options;
mod resources;
mod reviews;
mod server;
mod storage;
mod subresources;

pub use options::{CompatibleOptions, GenericOptions, ServerOptions, ServiceOptions, StorageOptions};
pub use server::{ControlPlane, RunError, run};
