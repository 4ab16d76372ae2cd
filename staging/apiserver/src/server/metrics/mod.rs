//! What is counted of requests, under upstream's names: who came in, what was asked for, how long it took.

mod access;
mod requests;
mod stored;

use component_base::metrics::MetricsRegistry;

pub(super) use access::{AccessMetrics, Authenticated, Authorized};
pub(super) use requests::RequestMetrics;
pub(crate) use requests::WatchEvents;
pub use requests::WatchMetrics;
pub(super) use stored::StoredObjects;

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
