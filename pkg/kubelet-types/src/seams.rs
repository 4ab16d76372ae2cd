//! What the kubelet needs of the API server, behind small traits.
//!
//! The adapters to a real server live with the component; tests use the in-memory ones.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use k8s_api::core::v1::{
    ConfigMap, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, PodStatus, Secret, Service,
};

/// A request to the API server failed. The words are the server's, since they end up in events and statuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// There is no such object.
    #[error("{0}")]
    NotFound(String),
    /// The object changed in between, or exists already.
    #[error("{0}")]
    Conflict(String),
    /// Anything else, the server not answering included.
    #[error("{0}")]
    Other(String),
}

impl ApiError {
    /// The words for a missing object.
    #[must_use]
    pub fn not_found(resource: &str, name: &str) -> Self {
        Self::NotFound(format!("{resource} {name:?} not found"))
    }

    /// Whether there is no such object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

/// Objects that pods refer to. Implementations may answer from a cache that follows the objects of the node's pods.
#[async_trait]
pub trait ObjectSource: Send + Sync {
    /// A config map.
    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ApiError>;
    /// A secret.
    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ApiError>;
    /// A claim, read from the server itself.
    async fn persistent_volume_claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<PersistentVolumeClaim>, ApiError>;
    /// A volume, read from the server itself.
    async fn persistent_volume(&self, name: &str) -> Result<Arc<PersistentVolume>, ApiError>;
    /// The handler that a runtime class names.
    async fn runtime_handler(&self, runtime_class: &str) -> Result<String, ApiError>;
    /// All services, once they have been read; `None` before.
    fn services(&self) -> Option<Vec<Arc<Service>>>;
    /// The node's own object, as far as it is known.
    fn node(&self) -> Option<Arc<Node>>;
}

/// A request for a token of a pod's service account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The service account.
    pub service_account: String,
    /// Whom the token is for; empty for the API server.
    pub audience: String,
    /// The wanted life time.
    pub expiration_seconds: i64,
    /// The pod that the token is bound to.
    pub pod_name: String,
    /// Its uid.
    pub pod_uid: String,
}

/// An issued token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself; never printed.
    pub token: String,
    /// When it ends.
    pub expires: SystemTime,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Issues tokens of service accounts.
#[async_trait]
pub trait TokenRequester: Send + Sync {
    /// A new token.
    async fn request_token(&self, request: &TokenRequest) -> Result<Token, ApiError>;
}

/// Pods as the API server holds them.
#[async_trait]
pub trait PodClient: Send + Sync {
    /// The pod.
    async fn get(&self, namespace: &str, name: &str) -> Result<Pod, ApiError>;
    /// Writes what differs between two statuses, provided that the pod still has this uid; returns the pod as it is then.
    async fn patch_status(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        old: &PodStatus,
        new: &PodStatus,
    ) -> Result<Pod, ApiError>;
    /// Makes a pod (a mirror pod).
    async fn create(&self, pod: &Pod) -> Result<Pod, ApiError>;
    /// Deletes the pod with this uid, at once.
    async fn delete(&self, namespace: &str, name: &str, uid: &str) -> Result<(), ApiError>;
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Something went as it should.
    Normal,
    /// Something did not.
    Warning,
}

impl EventType {
    /// The word of `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Records events; never blocks.
pub trait EventRecorder: Send + Sync {
    /// Something happened to an object.
    fn event(&self, object: &ObjectReference, kind: EventType, reason: &str, message: &str);
}

/// The reference to a pod that events carry.
#[must_use]
pub fn pod_reference(pod: &Pod) -> ObjectReference {
    let meta = &pod.metadata;
    ObjectReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: String::new(),
    }
}

/// The reference to a container that events carry.
#[must_use]
pub fn container_reference(pod: &Pod, container: &str) -> ObjectReference {
    ObjectReference {
        field_path: crate::container::field_path(&pod.spec, container).unwrap_or_default(),
        ..pod_reference(pod)
    }
}
