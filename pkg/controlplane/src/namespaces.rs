//! Namespaces as admission sees them, and those that the server makes itself.

use std::sync::Arc;

use admission_namespace::{NamespaceLookup, NamespaceState};
use apimachinery::status::StatusError;
use apiserver::{
    registry::{AnyObject, Store, Stored, ValidateObject},
    request::{RequestContext, RequestInfo, UserInfo},
};
use async_trait::async_trait;
use k8s_api::{Map, core::v1::Namespace, meta::v1::ObjectMeta};
use parking_lot::RwLock;

/// The namespaces that a cluster always has.
const SYSTEM: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Looks namespaces up in the server's own store, which is known once it is installed.
#[derive(Debug, Default)]
pub(crate) struct StoredNamespaces(RwLock<Option<Arc<Store>>>);

impl StoredNamespaces {
    pub(crate) fn set(&self, store: Arc<Store>) {
        *self.0.write() = Some(store);
    }
}

#[async_trait]
impl NamespaceLookup for StoredNamespaces {
    async fn state(&self, name: &str) -> NamespaceState {
        let Some(store) = self.0.read().clone() else {
            return NamespaceState::Absent;
        };
        let stored = match store.cacher().get(name) {
            Some(cached) => Stored { cached },
            // The cache may not have seen a namespace that was made just now.
            None => match store.get("", name).await {
                Ok(stored) => stored,
                Err(_) => return NamespaceState::Absent,
            },
        };
        match store.typed(&stored) {
            Ok(object) if object.metadata().deletion_timestamp.is_none() => NamespaceState::Active,
            Ok(_) => NamespaceState::Terminating,
            Err(_) => NamespaceState::Absent,
        }
    }
}

struct Unjudged;

#[async_trait]
impl ValidateObject for Unjudged {
    async fn validate(&self, _object: &dyn AnyObject) -> Result<(), StatusError> {
        Ok(())
    }
}

/// Makes the system's namespaces that are not there yet.
pub(crate) async fn ensure_system_namespaces(store: &Store) -> Result<(), StatusError> {
    let user = Arc::new(UserInfo::api_server());
    let info = RequestInfo {
        api_version: "v1".to_owned(),
        ..RequestInfo::default()
    };
    let request = RequestContext::new(user, info, jiff::Timestamp::now(), "kube-apiserver".to_owned());
    for name in SYSTEM {
        let labels = Map::from([("kubernetes.io/metadata.name", name.to_owned())]);
        let metadata = ObjectMeta {
            name: name.to_owned(),
            labels,
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        match store.create(&request, "", Box::new(namespace), &Unjudged, false).await {
            Ok(_) => tracing::info!(namespace = name, "created a system namespace"),
            Err(status) if status.is_already_exists() => {}
            Err(status) => return Err(status),
        }
    }
    Ok(())
}
