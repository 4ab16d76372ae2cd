//! Binds by the API's `binding` subresource.

use std::sync::Arc;

use async_trait::async_trait;
use client_go::Client;
use k8s_api::core::v1::{Binding, Pod};
use scheduler_framework::config::PluginArgs;
use scheduler_framework::plugin::{Bind, Plugin};
use scheduler_framework::{CycleState, PodInfo, Status, extension_points, names};

use crate::PluginContext;

/// The plugin.
pub struct DefaultBinder {
    client: Client,
}

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(DefaultBinder {
        client: context.client.clone(),
    }))
}

/// What binds a pod to a node.
#[must_use]
pub fn binding(pod: &PodInfo, node: &str) -> Binding {
    let mut binding = Binding::default();
    binding.metadata.name = pod.name().to_owned();
    binding.metadata.namespace = pod.namespace().to_owned();
    binding.metadata.uid = pod.uid().to_owned();
    binding.target.kind = "Node".to_owned();
    binding.target.name = node.to_owned();
    binding
}

impl Plugin for DefaultBinder {
    fn name(&self) -> &'static str {
        names::DEFAULT_BINDER
    }

    extension_points!(as_bind: Bind);
}

#[async_trait]
impl Bind for DefaultBinder {
    async fn bind(&self, _state: &CycleState, pod: &PodInfo, node: &str) -> Status {
        let api = self.client.namespaced::<Pod>(pod.namespace());
        match api.bind(&binding(pod, node)).await {
            Ok(()) => Status::SUCCESS,
            Err(error) => Status::error(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use client_go::testing::{Canned, FakeServer};
    use serde_json::json;

    #[tokio::test]
    async fn binds_by_the_subresource() {
        let server = FakeServer::start().await;
        server.on_request(|seen| {
            let found = seen.path == "/api/v1/namespaces/ns/pods/p/binding";
            let status = if found { 201 } else { 404 };
            Some(Canned::json(
                status,
                &json!({"kind": "Status", "apiVersion": "v1", "code": status}),
            ))
        });
        let binder = DefaultBinder {
            client: server.client(),
        };
        let pod = |name: &str| pod(json!({"metadata": {"name": name, "namespace": "ns", "uid": "u"}}));
        assert_eq!(
            binder.bind(&CycleState::default(), &pod("p"), "n").await,
            Status::SUCCESS
        );
        let body: serde_json::Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
        assert_eq!(body["kind"], "Binding");
        assert_eq!(body["metadata"], json!({"name": "p", "namespace": "ns", "uid": "u"}));
        assert_eq!(body["target"], json!({"kind": "Node", "name": "n"}));
        let failed = binder.bind(&CycleState::default(), &pod("q"), "n").await;
        assert_eq!(failed.code(), scheduler_framework::Code::Error);
    }
}
