//! A server in memory with one controller on it.

use std::time::Duration;

use client_go::testing::FakeServer;
use component_base::feature_gates::FeatureGates;
use component_base::metrics::MetricsRegistry;
use controller::{Built, ClientBuilder, ControllerContext, KubeControllerManagerConfiguration};
use k8s_api::HasMetadata;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Fixture {
    pub(crate) server: FakeServer,
    pub(crate) context: ControllerContext,
    _stop: DropGuard,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    pub(crate) async fn configured(change: impl FnOnce(&mut KubeControllerManagerConfiguration)) -> Self {
        let server = FakeServer::start().await;
        let clients = ClientBuilder::shared(server.config()).unwrap();
        let mut config = KubeControllerManagerConfiguration::default();
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
            _stop: stop.drop_guard(),
        }
    }

    /// Builds a controller, starts it, and waits for its caches.
    pub(crate) async fn run<F: Future<Output = Built>>(&self, build: impl FnOnce(ControllerContext) -> F) {
        let controller = build(self.context.for_controller("test"))
            .await
            .unwrap()
            .expect("it has something to do");
        self.context.informers.start();
        assert!(self.context.informers.wait_for_cache_sync().await);
        tokio::spawn(controller.run(CancellationToken::new()));
    }

    pub(crate) fn create(&self, collection: &str, namespace: &str, object: Value) -> Value {
        self.server
            .with_store(|store| store.create(collection, namespace, object))
            .unwrap()
    }

    pub(crate) fn patch(&self, collection: &str, namespace: &str, name: &str, patch: Value) {
        self.server
            .with_store(|store| store.patch(collection, namespace, name, patch))
            .unwrap();
    }

    pub(crate) fn delete(&self, collection: &str, namespace: &str, name: &str) {
        self.server
            .with_store(|store| store.delete(collection, namespace, name))
            .unwrap();
    }

    pub(crate) fn get(&self, collection: &str, namespace: &str, name: &str) -> Option<Value> {
        self.server
            .with_store(|store| store.get(collection, namespace, name).cloned())
    }

    pub(crate) fn list<T: HasMetadata>(&self, collection: &str, namespace: &str) -> Vec<T> {
        let items = self.server.with_store(|store| store.list(collection, namespace));
        items.into_iter().map(|item| T::from_value(item).unwrap()).collect()
    }

    pub(crate) async fn eventually(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let reached = client_go::wait::poll(Duration::from_millis(5), Duration::from_secs(30), async || {
            Ok::<_, ()>(condition())
        });
        assert_eq!(reached.await, Ok(true), "{what}");
    }
}
