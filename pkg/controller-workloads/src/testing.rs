//! A controller against a server in memory.

use std::time::Duration;

use client_go::Client;
use client_go::testing::FakeServer;
use component_base::feature_gates::FeatureGates;
use component_base::metrics::MetricsRegistry;
use controller::{ClientBuilder, ControllerContext, Descriptor, KubeControllerManagerConfiguration};
use k8s_api::core::v1::Event;
use tokio_util::sync::CancellationToken;

/// A running controller, and the server it works on.
pub(crate) struct Running {
    pub(crate) server: FakeServer,
    pub(crate) client: Client,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Running {
    /// Starts controllers with these feature gates (`A=true,B=false`).
    pub(crate) async fn start(controllers: &[Descriptor], gates: &str) -> Self {
        let server = FakeServer::start().await;
        let stop = CancellationToken::new();
        let root = ClientBuilder::shared(server.config()).unwrap();
        let mut feature_gates = FeatureGates::default();
        feature_gates.set_from_text(gates).unwrap();
        let context = ControllerContext::new(
            root.clone(),
            root,
            KubeControllerManagerConfiguration::default(),
            feature_gates,
            MetricsRegistry::default(),
            stop.clone(),
        );
        let mut built = Vec::new();
        for descriptor in controllers {
            built.push((descriptor.constructor)(context.for_controller(descriptor.name)).await.unwrap().unwrap());
        }
        context.informers.start();
        for controller in built {
            tokio::spawn(controller.run(stop.clone()));
        }
        let client = server.client();
        Self { server, client, stop }
    }

    /// Waits until something can be had, for ten seconds at most.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Client) -> Option<T>) -> T {
        for _ in 0..1000 {
            if let Some(found) = look(&self.client).await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come about");
    }

    /// Events as `reason: message`.
    pub(crate) async fn events(&self, namespace: &str) -> Vec<String> {
        let events = self.client.namespaced::<Event>(namespace).list(&client_go::api::ListOptions::default()).await;
        events.unwrap().items.into_iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
    }
}
