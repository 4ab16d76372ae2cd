//! Namespaces as admission sees them.

use std::sync::Arc;

use admission_namespace::{NamespaceLookup, NamespaceState};
use apiserver::registry::{Store, Stored};
use async_trait::async_trait;
use parking_lot::RwLock;

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
