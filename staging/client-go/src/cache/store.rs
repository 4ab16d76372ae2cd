//! The objects of an informer, ordered by key, with indices.
//!
//! A namespace is a range of keys, so that it needs no index. Only the informer writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use super::ObjectKey;
use crate::api::ApiObject;

/// The values of one index for an object.
pub type IndexFn<T> = Arc<dyn Fn(&T) -> Vec<String> + Send + Sync>;

/// The objects of an informer.
pub struct Store<T> {
    inner: RwLock<Inner<T>>,
}

struct Inner<T> {
    objects: BTreeMap<ObjectKey, Arc<T>>,
    indices: HashMap<&'static str, Index<T>>,
}

struct Index<T> {
    function: IndexFn<T>,
    keys: HashMap<String, BTreeSet<ObjectKey>>,
}

impl<T> Index<T> {
    fn add(&mut self, key: &ObjectKey, object: &T) {
        for value in (self.function)(object) {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, object: &T) {
        for value in (self.function)(object) {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            inner: RwLock::new(Inner {
                objects: BTreeMap::new(),
                indices: HashMap::new(),
            }),
        }
    }
}

impl<T: ApiObject> Store<T> {
    /// Adds an index; one of that name that is there already stays. The function must depend on the object alone.
    pub fn add_index(&self, name: &'static str, function: impl Fn(&T) -> Vec<String> + Send + Sync + 'static) {
        let mut inner = self.inner.write();
        if inner.indices.contains_key(name) {
            return;
        }
        let mut index = Index {
            function: Arc::new(function),
            keys: HashMap::new(),
        };
        for (key, object) in &inner.objects {
            index.add(key, object);
        }
        inner.indices.insert(name, index);
    }

    /// Puts an object in its place; gives the one that was there.
    pub(super) fn put(&self, key: ObjectKey, object: Arc<T>) -> Option<Arc<T>> {
        let inner = &mut *self.inner.write();
        let before = inner.objects.get(&key).cloned();
        for index in inner.indices.values_mut() {
            if let Some(before) = &before {
                index.remove(&key, before);
            }
            index.add(&key, &object);
        }
        inner.objects.insert(key, object);
        before
    }

    /// Removes an object.
    pub(super) fn remove(&self, key: &ObjectKey) -> Option<Arc<T>> {
        let inner = &mut *self.inner.write();
        let before = inner.objects.remove(key)?;
        for index in inner.indices.values_mut() {
            index.remove(key, &before);
        }
        Some(before)
    }

    /// The object with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<T>> {
        self.inner.read().objects.get(key).cloned()
    }

    /// Every object, by key.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<T>> {
        self.inner.read().objects.values().cloned().collect()
    }

    /// Every key, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.inner.read().objects.keys().cloned().collect()
    }

    /// The objects of a namespace, by name. Costs what it finds.
    #[must_use]
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<T>> {
        // '0' is the character behind '/'.
        let (start, end) = (format!("{namespace}/"), format!("{namespace}0"));
        let range = (Bound::Included(start.as_str()), Bound::Excluded(end.as_str()));
        self.inner
            .read()
            .objects
            .range::<str, _>(range)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// The objects with this value in an index, by key.
    ///
    /// # Panics
    /// If there is no such index: a mistake of the code.
    #[must_use]
    pub fn by_index(&self, index: &str, value: &str) -> Vec<Arc<T>> {
        let inner = self.inner.read();
        let found = inner
            .indices
            .get(index)
            .unwrap_or_else(|| panic!("Index with name {index} does not exist"));
        let keys = found.keys.get(value).into_iter().flatten();
        keys.filter_map(|key| inner.objects.get(key).cloned()).collect()
    }

    /// How many objects have this value in an index.
    ///
    /// # Panics
    /// If there is no such index: a mistake of the code.
    #[must_use]
    pub fn count(&self, index: &str, value: &str) -> usize {
        let inner = self.inner.read();
        let found = inner
            .indices
            .get(index)
            .unwrap_or_else(|| panic!("Index with name {index} does not exist"));
        found.keys.get(value).map_or(0, |keys| keys.len())
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.read().objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
