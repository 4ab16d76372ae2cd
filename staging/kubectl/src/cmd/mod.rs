//! One folder a command.

pub mod annotate;
pub mod apiresources;
pub mod apply;
pub mod attach;
pub mod auth;
pub mod clusterinfo;
pub mod completion;
pub mod config;
pub mod create;
pub mod delete;
pub mod describe;
pub mod edit;
pub mod exec;
pub mod explain;
pub mod get;
pub mod label;
pub mod logs;
pub mod options;
pub mod patch;
pub mod plugin;
pub mod portforward;
pub mod proxy;
pub mod replace;
pub mod scale;
pub mod version;
pub mod wait;
