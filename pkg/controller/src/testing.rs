//! [`Fixture`]: a server in memory with controllers on it, for controllers' tests.

use std::time::Duration;

use client_go::testing::FakeServer;
use component_base::feature_gates::FeatureGates;
use component_base::metrics::MetricsRegistry;
use k8s_api::HasMetadata;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Built, ClientBuilder, ControllerContext, KubeControllerManagerConfiguration};

/// A server in memory, and a context for controllers on it. Both end when it is dropped.
///
/// # Panics
/// All of its functions panic where a test would: when the server refuses, or what was awaited does not come.
pub struct Fixture {
    /// The server.
    pub server: FakeServer,
    /// What controllers are built from.
    pub context: ControllerContext,
    stop: CancellationToken,
    _end: DropGuard,
}

impl Fixture {
    /// With the usual configuration.
    pub async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    /// With a configuration of its own.
    pub async fn configured(change: impl FnOnce(&mut KubeControllerManagerConfiguration)) -> Self {
        let server = FakeServer::start().await;
        let clients = ClientBuilder::shared(server.config()).expect("the configuration of a fake server is right");
        let mut config = KubeControllerManagerConfiguration::default();
        // Tests do not wait for their turn.
        config.generic.client_connection.qps = -1.0;
        change(&mut config);
        let stop = CancellationToken::new();
        let context = ControllerContext::new(
            clients.clone(),
            clients,
            config,
            FeatureGates::default(),
            MetricsRegistry::default(),
            stop.clone(),
        );
        Self {
            server,
            context,
            stop: stop.clone(),
            _end: stop.drop_guard(),
        }
    }

    /// Builds a controller, starts it, and waits for its caches.
    pub async fn run<F: Future<Output = Built>>(&self, build: impl FnOnce(ControllerContext) -> F) {
        let built = build(self.context.for_controller("test")).await;
        let controller = built.expect("it can be built").expect("it has something to do");
        self.context.informers.start();
        assert!(self.context.informers.wait_for_cache_sync().await);
        tokio::spawn(controller.run(self.stop.clone()));
    }

    /// Creates an object; the collection is a path without a namespace.
    pub fn create(&self, collection: &str, namespace: &str, object: Value) -> Value {
        let created = self
            .server
            .with_store(|store| store.create(collection, namespace, object));
        created.expect("there is no such object yet")
    }

    /// Changes an object by a merge patch.
    pub fn patch(&self, collection: &str, namespace: &str, name: &str, patch: Value) {
        let patched = self
            .server
            .with_store(|store| store.patch(collection, namespace, name, patch));
        patched.expect("there is such an object");
    }

    /// Removes an object.
    pub fn delete(&self, collection: &str, namespace: &str, name: &str) {
        let deleted = self
            .server
            .with_store(|store| store.delete(collection, namespace, name));
        deleted.expect("there is such an object");
    }

    /// An object as it is.
    #[must_use]
    pub fn get(&self, collection: &str, namespace: &str, name: &str) -> Option<Value> {
        self.server
            .with_store(|store| store.get(collection, namespace, name).cloned())
    }

    /// All objects of a collection in a namespace; in all, if that is empty.
    #[must_use]
    pub fn list<T: HasMetadata>(&self, collection: &str, namespace: &str) -> Vec<T> {
        let items = self.server.with_store(|store| store.list(collection, namespace));
        let decode = |item| T::from_value(item).expect("what is stored is well-formed");
        items.into_iter().map(decode).collect()
    }

    /// The bodies of the requests of this method whose path ends so, as JSON.
    #[must_use]
    pub fn sent(&self, method: &str, path_end: &str) -> Vec<Value> {
        let seen = self.server.seen().into_iter();
        let wanted = seen.filter(|seen| seen.method == *method && seen.path.ends_with(path_end));
        wanted
            .map(|seen| serde_json::from_slice(&seen.body).unwrap_or_default())
            .collect()
    }

    /// Waits until a condition holds.
    pub async fn eventually(&self, what: &str, mut condition: impl FnMut() -> bool) {
        for _ in 0..12_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}");
    }
}
