//! The generic API server: filters, endpoints, registry store, cacher.
//!
//! One pipeline serves built-in kinds, custom resources and whatever comes later; a kind differs
//! only in its data and its [`registry::Strategy`].

pub mod admission;
pub mod cacher;
mod counts;
pub mod endpoints;
pub mod options;
pub mod proxy;
pub mod registry;
pub mod request;
pub mod server;
