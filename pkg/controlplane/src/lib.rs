//! Puts the API server together: storage, resources, documents, and what the server itself keeps.

mod authentication;
mod documents;
mod install;
mod namespaces;
mod options;
mod resources;
mod server;
mod storage;

pub use options::{ServerOptions, StorageOptions};
pub use server::{ControlPlane, RunError, run};
