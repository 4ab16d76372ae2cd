//! The objects of a [`FakeServer`](super::FakeServer), and the history that watches read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// One change, with the object as watchers get it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its revision.
    pub revision: u64,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub kind: &'static str,
    /// The collection's path without a namespace: `/api/v1/pods`.
    pub collection: String,
    /// The object before the change.
    pub before: Option<Value>,
    /// The object after it, or its last state.
    pub object: Value,
}

/// The objects.
#[derive(Debug, Default)]
pub struct Store {
    revision: u64,
    /// Everything up to here is forgotten.
    compacted: u64,
    /// By collection, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    /// The objects whose generation is counted here: those that came without one.
    counted: BTreeSet<(String, String, String)>,
    history: Vec<Change>,
}

/// Why the store refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such object.
    NotFound,
    /// There is one.
    Exists,
    /// It has changed.
    Conflict,
}

/// Whether two states of an object differ in what a generation counts: everything but metadata and status.
fn differs(one: &Value, other: &Value) -> bool {
    let counted = |object: &Value| {
        let mut object = object.clone();
        if let Some(members) = object.as_object_mut() {
            members.retain(|name, _| !matches!(name.as_str(), "metadata" | "status"));
        }
        object
    };
    counted(one) != counted(other)
}

impl Store {
    /// The present revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Up to where history is forgotten.
    #[must_use]
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets all history.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        self.history.clear();
    }

    /// The changes of a collection after a revision.
    pub fn changes(&self, collection: &str, after: u64) -> impl Iterator<Item = &Change> {
        let start = self.history.partition_point(|change| change.revision <= after);
        self.history[start..]
            .iter()
            .filter(move |change| change.collection == collection)
    }

    /// The objects of a collection in a namespace (empty for all), by namespace and name.
    #[must_use]
    pub fn list(&self, collection: &str, namespace: &str) -> Vec<Value> {
        let selected =
            |(c, n, _): &(String, String, String)| c == collection && (namespace.is_empty() || n == namespace);
        self.objects
            .iter()
            .filter(|(key, _)| selected(key))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// One object.
    #[must_use]
    pub fn get(&self, collection: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects
            .get(&(collection.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    fn record(&mut self, kind: &'static str, collection: &str, before: Option<Value>, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let change = Change {
            revision: self.revision,
            kind,
            collection: collection.to_owned(),
            before,
            object: object.clone(),
        };
        self.history.push(change);
        object
    }

    /// Adds an object.
    ///
    /// # Errors
    /// There is one of that name.
    pub fn create(&mut self, collection: &str, namespace: &str, mut object: Value) -> Result<Value, Refusal> {
        if object["metadata"]["name"].is_null() {
            let prefix = object["metadata"]["generateName"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            object["metadata"]["name"] = format!("{prefix}{:05}", self.revision + 1).into();
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = (collection.to_owned(), namespace.to_owned(), name);
        if self.objects.contains_key(&key) {
            return Err(Refusal::Exists);
        }
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = namespace.into();
        }
        object["metadata"]["uid"] = format!("uid-{}", self.revision + 1).into();
        if object["metadata"]["generation"].is_null() {
            self.counted.insert(key.clone());
        }
        let object = self.record("ADDED", collection, None, object);
        self.objects.insert(key, object.clone());
        Ok(object)
    }

    /// Replaces an object, if its revision (when it has one) is the present one.
    ///
    /// # Errors
    /// There is none, or it has changed.
    pub fn update(
        &mut self,
        collection: &str,
        namespace: &str,
        name: &str,
        mut object: Value,
    ) -> Result<Value, Refusal> {
        let key = (collection.to_owned(), namespace.to_owned(), name.to_owned());
        let present = self.objects.get(&key).ok_or(Refusal::NotFound)?.clone();
        let version = &object["metadata"]["resourceVersion"];
        if version.as_str().is_some_and(|version| !version.is_empty())
            && *version != present["metadata"]["resourceVersion"]
        {
            return Err(Refusal::Conflict);
        }
        object["metadata"]["uid"] = present["metadata"]["uid"].clone();
        if self.counted.contains(&key) && differs(&object, &present) {
            let generation = present["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = (generation + 1).into();
        }
        let object = self.record("MODIFIED", collection, Some(present), object);
        self.objects.insert(key, object.clone());
        Ok(object)
    }

    /// Applies a merge patch, or a list of operations of RFC 6902.
    ///
    /// # Errors
    /// There is no such object, or it has changed since the patch's revision.
    pub fn patch(&mut self, collection: &str, namespace: &str, name: &str, patch: Value) -> Result<Value, Refusal> {
        let mut object = self.get(collection, namespace, name).ok_or(Refusal::NotFound)?.clone();
        if patch.is_array() {
            let operations = apimachinery::json::JsonPatch::from_value(patch).map_err(|_| Refusal::Conflict)?;
            operations
                .apply(&mut object, usize::MAX)
                .map_err(|_| Refusal::Conflict)?;
        } else {
            apimachinery::json::merge_patch(&mut object, patch).map_err(|_| Refusal::Conflict)?;
        }
        self.update(collection, namespace, name, object)
    }

    /// Removes an object.
    ///
    /// # Errors
    /// There is none.
    pub fn delete(&mut self, collection: &str, namespace: &str, name: &str) -> Result<Value, Refusal> {
        let key = (collection.to_owned(), namespace.to_owned(), name.to_owned());
        let present = self.objects.remove(&key).ok_or(Refusal::NotFound)?;
        self.counted.remove(&key);
        Ok(self.record("DELETED", collection, Some(present.clone()), present))
    }

    /// Adds a ConfigMap, or replaces its data.
    pub fn put_config_map(&mut self, namespace: &str, name: &str, value: &str) -> Value {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": "test"}},
            "data": {"value": value},
        });
        self.create("/api/v1/configmaps", namespace, object.clone())
            .or_else(|_| self.update("/api/v1/configmaps", namespace, name, object))
            .expect("an object without a revision replaces any")
    }
}
