//! One folder a command.

pub mod annotate;
pub mod apiresources;
pub mod apply;
pub mod auth;
pub mod clusterinfo;
pub mod completion;
pub mod config;
pub mod create;
pub mod delete;
pub mod edit;
pub mod explain;
pub mod get;
pub mod label;
pub mod options;
pub mod patch;
pub mod plugin;
pub mod proxy;
pub mod replace;
pub mod scale;
pub mod version;
pub mod wait;
