//! The stores of a server: its own, and those of single resources (`--etcd-servers-overrides`).

use std::{sync::Arc, time::Duration};

use apiserver_storage::Storage;
use component_base::{
    health::{CheckFn, HealthCheck, HealthEndpoints, HealthError},
    metrics::{MetricOpts, MetricsRegistry, Stability},
};
use tokio_util::sync::CancellationToken;

use crate::{
    options::StorageOptions,
    storage::{self, StorageError},
};

/// Group, empty for the core group, and plural name of a resource.
pub(crate) type ResourceName = (String, String);

/// See the module.
#[derive(Debug)]
pub(crate) struct Stores {
    own: Arc<dyn Storage>,
    /// Each with the members that it consists of.
    others: Vec<(Vec<String>, Arc<dyn Storage>)>,
    /// Whose objects are in which of the others.
    pub(crate) elsewhere: Vec<(ResourceName, Arc<dyn Storage>)>,
}

impl Stores {
    /// Opens them all; the same members are one store.
    pub(crate) async fn open(options: &StorageOptions, stop: &CancellationToken) -> Result<Self, StorageError> {
        let mut stores = Self {
            own: storage::open(options, stop).await?,
            others: Vec::new(),
            elsewhere: Vec::new(),
        };
        for wanted in options.overrides().map_err(StorageError::Overrides)? {
            let mut servers = wanted.servers;
            servers.sort_unstable();
            let known = stores.others.iter().find(|(known, _)| *known == servers);
            let store = match known.map(|(_, store)| store.clone()) {
                Some(store) => store,
                None => {
                    let store = storage::open_etcd(options, &servers).await?;
                    stores.others.push((servers, store.clone()));
                    store
                }
            };
            stores.elsewhere.push((wanted.resource, store));
        }
        Ok(stores)
    }

    /// Where everything is that is not elsewhere.
    pub(crate) fn own(&self) -> &Arc<dyn Storage> {
        &self.own
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn Storage>> {
        std::iter::once(&self.own).chain(self.others.iter().map(|(_, store)| store))
    }

    /// Whether the server's own store answers in time.
    pub(crate) fn check(&self, options: &StorageOptions) -> Arc<dyn HealthCheck> {
        check("etcd", &self.own, options.healthcheck_timeout.to_std())
    }

    /// Checks that every store answers in time.
    pub(crate) fn add_checks(&self, options: &StorageOptions, health: &mut HealthEndpoints) {
        let (alive, ready) = (
            options.healthcheck_timeout.to_std(),
            options.readycheck_timeout.to_std(),
        );
        health.add(self.check(options));
        health.add_readyz(check("etcd-readiness", &self.own, ready));
        for (number, (_, store)) in self.others.iter().enumerate() {
            health.add(check(&format!("etcd-override-{number}"), store, alive));
            health.add_readyz(check(&format!("etcd-override-readiness-{number}"), store, ready));
        }
    }

    /// Compacts every store again and again, unless the interval is 0.
    pub(crate) fn compact(&self, options: &StorageOptions, stop: &CancellationToken) {
        let interval = options.compaction_interval.to_std();
        for store in self.all().filter(|_| !interval.is_zero()) {
            tokio::spawn(apiserver_storage::run_compaction(store.clone(), interval, stop.clone()));
        }
    }

    /// Publishes the size of the server's own store, read again and again unless the interval is 0.
    pub(crate) fn measure(&self, options: &StorageOptions, metrics: &MetricsRegistry, stop: &CancellationToken) {
        let opts = MetricOpts::new("apiserver_storage_size_bytes", "Bytes that the store takes on disk.");
        let size = metrics.gauge_vec(opts.stability(Stability::Stable), &["storage_cluster_id"]);
        let size = size.with(&["etcd-0"]);
        let interval = options.size_poll_interval.to_std();
        if interval.is_zero() {
            return;
        }
        let (store, stop) = (self.own.clone(), stop.clone());
        tokio::spawn(async move {
            loop {
                match store.status().await {
                    Ok(status) => size.set(i64::try_from(status.size).unwrap_or(i64::MAX)),
                    Err(error) => tracing::warn!(%error, "cannot read the size of the store"),
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(interval) => {}
                }
            }
        });
    }

    /// Closes them all.
    pub(crate) async fn close(&self) {
        for store in self.all() {
            store.close().await;
        }
    }
}

/// Whether a store answers in time.
fn check(name: &str, store: &Arc<dyn Storage>, limit: Duration) -> Arc<dyn HealthCheck> {
    let store = store.clone();
    Arc::new(CheckFn::asynchronous(name, move || {
        let store = store.clone();
        Box::pin(async move {
            match tokio::time::timeout(limit, store.health()).await {
                Ok(health) => health.map_err(|error| HealthError(error.to_string())),
                Err(_) => Err(HealthError(
                    "error getting data from etcd: context deadline exceeded".to_owned(),
                )),
            }
        })
    }))
}
