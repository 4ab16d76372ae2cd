//! Configuration, transport, informers, work queues, leader election and events for API clients.

pub mod api;
pub mod config;
pub mod rest;
pub mod transport;

pub use api::{Api, GroupVersionResource};
pub use config::Config;
pub use rest::{Client, Error};
