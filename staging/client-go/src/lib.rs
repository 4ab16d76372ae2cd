//! Configuration, transport, informers, work queues, leader election and events for API clients.

pub mod api;
pub mod cache;
pub mod config;
pub mod discovery;
pub mod events;
pub mod expectations;
pub mod leader_election;
pub mod pager;
pub mod rest;
pub mod scale;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transport;
pub mod wait;
pub mod workqueue;

pub use api::{Api, GroupVersionResource};
pub use config::Config;
pub use rest::{Client, Error};
