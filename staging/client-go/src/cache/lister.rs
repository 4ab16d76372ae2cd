//! [`Lister`]: reads an informer's store.

use std::sync::Arc;

use apimachinery::selectors::Selector;
use apimachinery::status::{GroupResource, StatusError};
use k8s_api::{HasMetadata, Object};

use super::{ObjectKey, Store};
use crate::api::ApiObject;

/// Reads an informer's store; clones share it.
pub struct Lister<T> {
    store: Arc<Store<T>>,
}

impl<T> Clone for Lister<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
        }
    }
}

impl<T: ApiObject> Lister<T> {
    /// A reader of this store.
    #[must_use]
    pub fn new(store: Arc<Store<T>>) -> Self {
        Self { store }
    }

    /// The object of this name; the namespace is empty for cluster-scoped objects.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.store.get(ObjectKey::new(namespace, name).as_str())
    }

    /// The object with this key.
    #[must_use]
    pub fn get_key(&self, key: &ObjectKey) -> Option<Arc<T>> {
        self.store.get(key.as_str())
    }

    /// Every object.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<T>> {
        self.store.list()
    }

    /// The objects of a namespace.
    #[must_use]
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<T>> {
        self.store.list_namespace(namespace)
    }

    /// The objects with this value in an index.
    ///
    /// # Panics
    /// If there is no such index.
    #[must_use]
    pub fn by_index(&self, index: &str, value: &str) -> Vec<Arc<T>> {
        self.store.by_index(index, value)
    }

    /// How many objects have this value in an index.
    ///
    /// # Panics
    /// If there is no such index.
    #[must_use]
    pub fn count(&self, index: &str, value: &str) -> usize {
        self.store.count(index, value)
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }
}

impl<T: HasMetadata> Lister<T> {
    /// The objects of a namespace (empty for all) with labels that match.
    #[must_use]
    pub fn select(&self, namespace: &str, selector: &Selector) -> Vec<Arc<T>> {
        let mut objects = if namespace.is_empty() {
            self.list()
        } else {
            self.list_namespace(namespace)
        };
        if !selector.is_everything() {
            objects.retain(|object| selector.matches(&object.metadata().labels));
        }
        objects
    }
}

impl<T: Object> Lister<T> {
    /// The object of this name.
    ///
    /// # Errors
    /// Not found, as the server would say it.
    pub fn require(&self, namespace: &str, name: &str) -> Result<Arc<T>, StatusError> {
        let resource = GroupResource::new(T::GROUP, T::PLURAL);
        self.get(namespace, name)
            .ok_or_else(|| StatusError::not_found(resource, name))
    }
}
