//! [`HealthRegistry`]: health checks that come while the port is open already.

use std::sync::Arc;

use arc_swap::ArcSwap;
use component_base::health::{HealthCheck, HealthEndpoints, HealthMetrics};
use parking_lot::Mutex;

/// The checks behind `/healthz`, `/livez` and `/readyz`; clones share them.
#[derive(Clone)]
pub struct HealthRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    checks: Mutex<Vec<Arc<dyn HealthCheck>>>,
    metrics: Option<HealthMetrics>,
    endpoints: ArcSwap<HealthEndpoints>,
}

impl HealthRegistry {
    /// No checks but those that every component has.
    #[must_use]
    pub fn new(metrics: Option<HealthMetrics>) -> Self {
        let endpoints = endpoints(&[], metrics.as_ref());
        Self {
            inner: Arc::new(Inner {
                checks: Mutex::default(),
                metrics,
                endpoints: ArcSwap::from_pointee(endpoints),
            }),
        }
    }

    /// Adds checks to all three paths.
    pub fn add(&self, checks: impl IntoIterator<Item = Arc<dyn HealthCheck>>) {
        let mut all = self.inner.checks.lock();
        all.extend(checks);
        let endpoints = endpoints(&all, self.inner.metrics.as_ref());
        self.inner.endpoints.store(Arc::new(endpoints));
    }

    /// The endpoints as they are now.
    #[must_use]
    pub fn endpoints(&self) -> Arc<HealthEndpoints> {
        self.inner.endpoints.load_full()
    }
}

fn endpoints(checks: &[Arc<dyn HealthCheck>], metrics: Option<&HealthMetrics>) -> HealthEndpoints {
    let mut endpoints = HealthEndpoints::new();
    if let Some(metrics) = metrics {
        endpoints = endpoints.with_metrics(metrics.clone());
    }
    for check in checks {
        endpoints.add(check.clone());
    }
    endpoints
}
