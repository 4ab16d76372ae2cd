//! A node without an API server: static pods only, which refer to nothing.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_api::core::v1::{
    ConfigMap, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, PodStatus, Secret, Service,
};
use kubelet_types::seams::{
    ApiError, EventRecorder, EventType, ObjectSource, PodClient, Token, TokenRequest, TokenRequester,
};
use tokio::sync::watch;

/// There is no API server.
pub struct Standalone {
    node: watch::Receiver<Option<Arc<Node>>>,
}

impl Standalone {
    /// With the node as it reports itself.
    #[must_use]
    pub fn new(node: watch::Receiver<Option<Arc<Node>>>) -> Self {
        Self { node }
    }
}

fn none<T>() -> Result<T, ApiError> {
    Err(ApiError::Other("the kubelet runs without an API server".to_owned()))
}

#[async_trait]
impl ObjectSource for Standalone {
    async fn config_map(&self, _namespace: &str, _name: &str) -> Result<Arc<ConfigMap>, ApiError> {
        none()
    }

    async fn secret(&self, _namespace: &str, _name: &str) -> Result<Arc<Secret>, ApiError> {
        none()
    }

    async fn persistent_volume_claim(
        &self,
        _namespace: &str,
        _name: &str,
    ) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
        none()
    }

    async fn persistent_volume(&self, _name: &str) -> Result<Arc<PersistentVolume>, ApiError> {
        none()
    }

    async fn runtime_handler(&self, _runtime_class: &str) -> Result<String, ApiError> {
        none()
    }

    fn services(&self) -> Option<Vec<Arc<Service>>> {
        Some(Vec::new())
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.node.borrow().clone()
    }
}

#[async_trait]
impl TokenRequester for Standalone {
    async fn request_token(&self, _request: &TokenRequest) -> Result<Token, ApiError> {
        none()
    }
}

#[async_trait]
impl PodClient for Standalone {
    async fn get(&self, _namespace: &str, _name: &str) -> Result<Pod, ApiError> {
        none()
    }

    async fn patch_status(
        &self,
        _namespace: &str,
        name: &str,
        _uid: &str,
        _old: &PodStatus,
        _new: &PodStatus,
    ) -> Result<Pod, ApiError> {
        Err(ApiError::not_found("pods", name))
    }

    /// Mirrors have nobody to show themselves to.
    async fn create(&self, pod: &Pod) -> Result<Pod, ApiError> {
        Ok(pod.clone())
    }

    async fn delete(&self, _namespace: &str, _name: &str, _uid: &str) -> Result<(), ApiError> {
        Ok(())
    }
}

impl EventRecorder for Standalone {
    fn event(&self, object: &ObjectReference, _kind: EventType, reason: &str, message: &str) {
        tracing::info!(object = object.name, reason, message, "Event occurred");
    }
}
