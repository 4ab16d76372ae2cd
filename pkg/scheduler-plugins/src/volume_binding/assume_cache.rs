//! Objects as the scheduler assumes them to be, until the informer tells of something later.

use std::collections::HashMap;
use std::sync::Arc;

use client_go::api::ApiObject;
use client_go::cache::{Lister, ObjectKey};
use parking_lot::Mutex;

/// A lister with assumptions over it.
pub(super) struct AssumeCache<T> {
    lister: Lister<T>,
    assumed: Mutex<HashMap<ObjectKey, Arc<T>>>,
}

fn revision<T: ApiObject>(object: &T) -> u64 {
    object.resource_version().parse().unwrap_or(0)
}

impl<T: ApiObject> AssumeCache<T> {
    pub(super) fn new(lister: Lister<T>) -> Self {
        Self {
            lister,
            assumed: Mutex::default(),
        }
    }

    /// The object as the API server last told.
    pub(super) fn told(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.lister.get(namespace, name)
    }

    /// The object as it is assumed to be.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let told = self.told(namespace, name)?;
        Some(self.overlaid(told))
    }

    /// What is assumed of an object, unless something later has been told.
    pub(super) fn overlaid(&self, told: Arc<T>) -> Arc<T> {
        let mut assumed = self.assumed.lock();
        if assumed.is_empty() {
            return told;
        }
        let key = ObjectKey::of(&*told);
        match assumed.get(&key) {
            Some(object) if revision(&**object) >= revision(&*told) && object.uid() == told.uid() => object.clone(),
            Some(_) => {
                assumed.remove(&key);
                told
            }
            None => told,
        }
    }

    /// Assumes a change.
    ///
    /// # Errors
    /// The change is not based on what was told last.
    pub(super) fn assume(&self, object: T) -> Result<(), String> {
        let key = ObjectKey::of(&object);
        let Some(told) = self.lister.get_key(&key) else {
            return Err(format!("could not find object \"{key}\""));
        };
        if object.resource_version() != told.resource_version() {
            return Err(format!("\"{key}\" is out of sync"));
        }
        self.assumed.lock().insert(key, Arc::new(object));
        Ok(())
    }

    /// Takes an assumption back.
    pub(super) fn restore(&self, object: &T) {
        self.assumed.lock().remove(&ObjectKey::of(object));
    }
}
