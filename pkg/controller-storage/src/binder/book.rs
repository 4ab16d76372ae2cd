//! [`Book`]: a cache together with what this process has written and the cache has not seen yet.

use std::collections::HashMap;
use std::sync::Arc;

use client_go::api::ApiObject;
use client_go::cache::{Lister, ObjectKey};
use parking_lot::Mutex;

/// A cache that sees this process's own writes at once.
pub(super) struct Book<T> {
    lister: Lister<T>,
    written: Mutex<HashMap<ObjectKey, Arc<T>>>,
}

fn version<T: ApiObject>(object: &T) -> u64 {
    object.resource_version().parse().unwrap_or(0)
}

impl<T: ApiObject> Book<T> {
    pub(super) fn new(lister: Lister<T>) -> Self {
        Self {
            lister,
            written: Mutex::default(),
        }
    }

    /// The cache alone, for indices; what it gives is to be passed through [`Book::newest`].
    pub(super) fn lister(&self) -> &Lister<T> {
        &self.lister
    }

    /// Takes note of what was written.
    pub(super) fn wrote(&self, object: T) -> Arc<T> {
        let object = Arc::new(object);
        self.written.lock().insert(ObjectKey::of(&*object), object.clone());
        object
    }

    /// The newer of what the cache has and what was written. Notes that the cache has caught up with are forgotten.
    pub(super) fn newest(&self, cached: Arc<T>) -> Arc<T> {
        let key = ObjectKey::of(&*cached);
        let mut written = self.written.lock();
        let Some(own) = written.get(&key) else {
            return cached;
        };
        if own.uid() == cached.uid() && version(&**own) > version(&*cached) {
            return own.clone();
        }
        written.remove(&key);
        cached
    }

    /// The object of this name.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<T>> {
        if let Some(cached) = self.lister.get_key(key) {
            return Some(self.newest(cached));
        }
        // It is gone; what was written to it is of no use. What was created is known to the cache before long.
        self.written.lock().remove(key);
        None
    }
}
