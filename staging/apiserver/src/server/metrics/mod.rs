//! What is counted of requests, under upstream's names: who came in, what was asked for, how long it took.

mod access;
mod labels;
mod requests;
mod stored;
mod watches;

use component_base::metrics::MetricsRegistry;

pub(super) use access::{AccessMetrics, Authenticated, Authorized};
pub(super) use requests::RequestMetrics;
pub(super) use stored::register as register_stored;
pub(crate) use watches::WatchEvents;
pub use watches::WatchMetrics;

/// The metrics of a server.
pub(super) struct ServerMetrics {
    pub(super) access: AccessMetrics,
    pub(super) requests: RequestMetrics,
}

impl ServerMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        Self {
            access: AccessMetrics::new(registry),
            requests: RequestMetrics::new(registry),
        }
    }
}
