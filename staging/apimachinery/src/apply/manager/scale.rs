//! Managers of an object seen through its `scale` subresource, where only `spec.replicas` exists.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entry::{Entry, Managed};
use super::{ManagedFieldsError, ManagerKey, Operation};
use crate::apply::fieldset::{Path, PathElement, Set};

const SCALE_VERSION: &str = "autoscaling/v1";

fn replicas_in_scale() -> Path {
    vec![PathElement::field("spec"), PathElement::field("replicas")]
}

/// Carries managers from an object to its scale and back.
pub struct ScaleHandler<'a> {
    parent_entries: &'a Value,
    api_version: &'a str,
    /// Where each version of the object has its replicas; `None` if it has none.
    replicas: &'a BTreeMap<String, Option<Path>>,
}

impl<'a> ScaleHandler<'a> {
    /// For an object with these `managedFields` at this version.
    #[must_use]
    pub fn new(parent_entries: &'a Value, api_version: &'a str, replicas: &'a BTreeMap<String, Option<Path>>) -> Self {
        Self {
            parent_entries,
            api_version,
            replicas,
        }
    }

    /// The scale's `managedFields`: the managers that own the replicas; `None` if nobody does.
    ///
    /// # Errors
    /// If the object's `managedFields` are malformed.
    pub fn to_subresource(&self) -> Result<Option<Value>, ManagedFieldsError> {
        let mut parent = Managed::parse(self.parent_entries)?;
        let mut out = Managed::default();
        for entry in &mut parent.entries {
            let Some(Some(path)) = self.replicas.get(&entry.api_version) else {
                continue;
            };
            if entry.set()?.has(path) {
                out.entries.push(translated(entry, SCALE_VERSION, replicas_in_scale()));
            }
        }
        Ok(out.encode())
    }

    /// The object's `managedFields` after its scale has got `scale_entries`; `None` if nobody owns
    /// anything.
    ///
    /// # Errors
    /// If either list is malformed.
    pub fn to_parent(&self, scale_entries: &Value) -> Result<Option<Value>, ManagedFieldsError> {
        let mut parent = Managed::parse(self.parent_entries)?;
        let mut scale = Managed::parse(scale_entries)?;
        let mut out = Managed::default();
        // A manager keeps its time if it had one in the object before; a new one has none.
        let times: Vec<_> = parent.entries.iter().map(|e| (e.key.clone(), e.time)).collect();
        for mut entry in std::mem::take(&mut parent.entries) {
            let Some(path) = self.replicas.get(&entry.api_version) else {
                continue;
            };
            let Some(path) = path else {
                out.entries.push(entry);
                continue;
            };
            if !entry.set()?.has(path) {
                out.entries.push(entry);
                continue;
            }
            match scale
                .entries
                .iter()
                .position(|s| in_object(&s.key, &entry.api_version) == entry.key)
            {
                Some(index) => drop(scale.entries.remove(index)),
                None => {
                    let left = entry.set()?.difference(&Set::from_paths([path]));
                    if left.is_empty() {
                        continue;
                    }
                    entry.set_fields(left);
                }
            }
            out.entries.push(entry);
        }
        let Some(path) = self.replicas.get(self.api_version).cloned().flatten() else {
            return Ok(out.encode());
        };
        for entry in &mut scale.entries {
            if !entry.set()?.has(&replicas_in_scale()) {
                continue;
            }
            let mut added = translated(entry, self.api_version, path.clone());
            let time = times
                .iter()
                .find(|(key, _)| *key == entry.key)
                .and_then(|(_, time)| *time);
            added.set_time(time);
            out.entries.retain(|e| e.key != added.key);
            out.entries.push(added);
        }
        Ok(out.encode())
    }
}

/// The key that a scale's manager has in an object at `api_version`.
fn in_object(key: &ManagerKey, api_version: &str) -> ManagerKey {
    let api_version = match key.operation {
        Operation::Apply => String::new(),
        Operation::Update => api_version.to_owned(),
    };
    ManagerKey {
        api_version,
        ..key.clone()
    }
}

/// The entry's manager owning just one path, at another version.
fn translated(entry: &Entry, api_version: &str, path: Path) -> Entry {
    Entry::new(
        in_object(&entry.key, api_version),
        api_version,
        entry.time,
        Set::from_paths([path]),
    )
}
