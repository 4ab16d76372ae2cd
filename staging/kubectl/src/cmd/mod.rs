//! One folder a command.

pub mod apiresources;
pub mod auth;
pub mod clusterinfo;
pub mod config;
pub mod explain;
pub mod get;
pub mod options;
pub mod plugin;
pub mod version;
