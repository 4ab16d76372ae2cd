//! The seams in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_api::core::v1::{
    ConfigMap, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, PodStatus, Secret, Service,
};
use parking_lot::Mutex;

use crate::clock::{Clock, TokioClock};
use crate::seams::{ApiError, EventRecorder, EventType, ObjectSource, PodClient, Token, TokenRequest, TokenRequester};

/// An event that was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// About what.
    pub object: ObjectReference,
    /// How grave.
    pub kind: EventType,
    /// The reason.
    pub reason: String,
    /// The message.
    pub message: String,
}

/// Keeps every event.
#[derive(Default)]
pub struct MemoryRecorder {
    events: Mutex<Vec<RecordedEvent>>,
}

impl MemoryRecorder {
    /// All events so far.
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.events.lock().clone()
    }

    /// The messages of the events with this reason.
    pub fn messages(&self, reason: &str) -> Vec<String> {
        let events = self.events.lock();
        events
            .iter()
            .filter(|event| event.reason == reason)
            .map(|event| event.message.clone())
            .collect()
    }
}

impl EventRecorder for MemoryRecorder {
    fn event(&self, object: &ObjectReference, kind: EventType, reason: &str, message: &str) {
        self.events.lock().push(RecordedEvent {
            object: object.clone(),
            kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }
}

type Named<T> = Mutex<BTreeMap<(String, String), Arc<T>>>;

/// An API server in memory, as far as the kubelet's seams go.
#[derive(Default)]
pub struct MemoryApi {
    config_maps: Named<ConfigMap>,
    secrets: Named<Secret>,
    claims: Named<PersistentVolumeClaim>,
    volumes: Named<PersistentVolume>,
    services: Mutex<Vec<Arc<Service>>>,
    handlers: Mutex<BTreeMap<String, String>>,
    node: Mutex<Option<Arc<Node>>>,
    pods: Named<Pod>,
    patches: Mutex<Vec<PodStatus>>,
    deleted: Mutex<Vec<String>>,
    tokens: Mutex<Vec<TokenRequest>>,
    failing: Mutex<usize>,
    clock: TokioClock,
}

fn lookup<T>(map: &Named<T>, resource: &str, namespace: &str, name: &str) -> Result<Arc<T>, ApiError> {
    let found = map.lock().get(&(namespace.to_owned(), name.to_owned())).cloned();
    found.ok_or_else(|| ApiError::not_found(resource, name))
}

fn insert<T>(map: &Named<T>, meta: &k8s_api::meta::v1::ObjectMeta, object: T) {
    map.lock()
        .insert((meta.namespace.clone(), meta.name.clone()), Arc::new(object));
}

impl MemoryApi {
    /// Sets a config map.
    pub fn set_config_map(&self, object: ConfigMap) {
        insert(&self.config_maps, &object.metadata.clone(), object);
    }

    /// Sets a secret.
    pub fn set_secret(&self, object: Secret) {
        insert(&self.secrets, &object.metadata.clone(), object);
    }

    /// Sets a claim.
    pub fn set_claim(&self, object: PersistentVolumeClaim) {
        insert(&self.claims, &object.metadata.clone(), object);
    }

    /// Sets a volume.
    pub fn set_volume(&self, object: PersistentVolume) {
        insert(&self.volumes, &object.metadata.clone(), object);
    }

    /// Sets a pod.
    pub fn set_pod(&self, object: Pod) {
        insert(&self.pods, &object.metadata.clone(), object);
    }

    /// Sets the services.
    pub fn set_services(&self, services: Vec<Service>) {
        *self.services.lock() = services.into_iter().map(Arc::new).collect();
    }

    /// Sets the handler of a runtime class.
    pub fn set_runtime_class(&self, name: &str, handler: &str) {
        self.handlers.lock().insert(name.to_owned(), handler.to_owned());
    }

    /// Sets the node.
    pub fn set_node(&self, node: Node) {
        *self.node.lock() = Some(Arc::new(node));
    }

    /// The pod as it is held.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        self.pods.lock().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Every status that was written.
    pub fn patches(&self) -> Vec<PodStatus> {
        self.patches.lock().clone()
    }

    /// The uids of the pods that were deleted.
    pub fn deleted(&self) -> Vec<String> {
        self.deleted.lock().clone()
    }

    /// The tokens that were asked for.
    pub fn tokens(&self) -> Vec<TokenRequest> {
        self.tokens.lock().clone()
    }

    /// Makes the next writes of pods fail.
    pub fn fail_writes(&self, times: usize) {
        *self.failing.lock() = times;
    }

    fn enter(&self) -> Result<(), ApiError> {
        let mut failing = self.failing.lock();
        if *failing == 0 {
            return Ok(());
        }
        *failing -= 1;
        Err(ApiError::Other(
            "the server is currently unable to handle the request".to_owned(),
        ))
    }
}

#[async_trait]
impl ObjectSource for MemoryApi {
    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ApiError> {
        lookup(&self.config_maps, "configmap", namespace, name)
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ApiError> {
        lookup(&self.secrets, "secret", namespace, name)
    }

    async fn persistent_volume_claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
        lookup(&self.claims, "persistentvolumeclaims", namespace, name)
    }

    async fn persistent_volume(&self, name: &str) -> Result<Arc<PersistentVolume>, ApiError> {
        lookup(&self.volumes, "persistentvolumes", "", name)
    }

    async fn runtime_handler(&self, runtime_class: &str) -> Result<String, ApiError> {
        let found = self.handlers.lock().get(runtime_class).cloned();
        found.ok_or_else(|| ApiError::not_found("runtimeclasses.node.k8s.io", runtime_class))
    }

    fn services(&self) -> Option<Vec<Arc<Service>>> {
        Some(self.services.lock().clone())
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.node.lock().clone()
    }
}

#[async_trait]
impl TokenRequester for MemoryApi {
    async fn request_token(&self, request: &TokenRequest) -> Result<Token, ApiError> {
        let mut tokens = self.tokens.lock();
        tokens.push(request.clone());
        let lifetime = Duration::from_secs(u64::try_from(request.expiration_seconds).unwrap_or_default());
        Ok(Token {
            token: format!("token-{}", tokens.len()),
            expires: self.clock.now() + lifetime,
        })
    }
}

#[async_trait]
impl PodClient for MemoryApi {
    async fn get(&self, namespace: &str, name: &str) -> Result<Pod, ApiError> {
        lookup(&self.pods, "pods", namespace, name).map(|pod| Pod::clone(&pod))
    }

    async fn patch_status(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        _old: &PodStatus,
        new: &PodStatus,
    ) -> Result<Pod, ApiError> {
        self.enter()?;
        let mut pod = self.get(namespace, name).await?;
        if pod.metadata.uid != uid {
            return Err(ApiError::Conflict(
                "Precondition failed: UID in precondition".to_owned(),
            ));
        }
        pod.status = new.clone();
        self.patches.lock().push(new.clone());
        self.set_pod(pod.clone());
        Ok(pod)
    }

    async fn create(&self, pod: &Pod) -> Result<Pod, ApiError> {
        self.enter()?;
        if self.pod(&pod.metadata.namespace, &pod.metadata.name).is_some() {
            return Err(ApiError::Conflict(format!(
                "pods {:?} already exists",
                pod.metadata.name
            )));
        }
        let mut pod = pod.clone();
        pod.metadata.uid = format!("mirror-{}", pod.metadata.name);
        self.set_pod(pod.clone());
        Ok(pod)
    }

    async fn delete(&self, namespace: &str, name: &str, uid: &str) -> Result<(), ApiError> {
        self.enter()?;
        let held = self.get(namespace, name).await?;
        if held.metadata.uid != uid {
            return Err(ApiError::Conflict(
                "Precondition failed: UID in precondition".to_owned(),
            ));
        }
        self.pods.lock().remove(&(namespace.to_owned(), name.to_owned()));
        self.deleted.lock().push(uid.to_owned());
        Ok(())
    }
}
