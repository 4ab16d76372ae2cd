//! The program kube-proxy: flags and file, the node's facts, and what feeds the proxiers from the API.
//!
//! Counterpart upstream: `cmd/kube-proxy/app`. What the rules are is the business of `kube-proxy-lib`.

mod backends;
mod feed;
mod node;
mod options;
mod serve;
mod server;

pub use options::{CompletedOptions, OptionsError, ProxyOptions};
pub use server::{RunError, run};
