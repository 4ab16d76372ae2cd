//! The two operations on an object with managers.

use std::sync::LazyLock;

use jiff::Timestamp;
use k8s_api::meta::v1::ManagedFieldsEntry;
use k8s_api::tree::{Tree, View};
use serde_json::{Map, Value};

use super::cap::{MAX_UPDATE_MANAGERS, cap_update_managers};
use super::entry::{Entry, Managed};
use super::extent::{Extent, Merged};
use super::last_applied::{KUBECTL, refresh_annotation, unchanged_last_applied};
use super::prune::prune;
use super::update::{Change, Takeover, TrackError, gain, reconciled};
use super::{ApplyError, Conflicts, ManagedFieldsError, ManagerKey, Operation, ResetFields, VersionedTypes};
use crate::apply::fieldset::{Below, Filter, PathElement, Set};
use crate::apply::typed::{
    Duplicates, TypedRef, gained_json, merge, same, text_follows_schema, to_field_set, validate,
};

/// Owns what an object had before anything tracked it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Fields nobody owns: identity, and what the server sets.
static STRIPPED: LazyLock<Set> = LazyLock::new(|| {
    let metadata = || PathElement::field("metadata");
    let mut set = Set::from_paths([vec![PathElement::field("apiVersion")], vec![PathElement::field("kind")]]);
    set.insert(&[metadata()]);
    for name in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ] {
        set.insert(&[metadata(), PathElement::field(name)]);
    }
    set
});

/// Field management for one kind at one version, and one of its subresources.
pub struct FieldManager<'a> {
    types: &'a dyn VersionedTypes,
    api_version: &'a str,
    kind: &'a str,
    subresource: &'a str,
    reset_fields: &'a ResetFields,
}

/// Who applies, how and when.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions<'a> {
    /// Name of the manager.
    pub manager: &'a str,
    /// Whether to take fields from their owners.
    pub force: bool,
    /// The time of the request.
    pub now: Timestamp,
}

/// [`Merged`], before managers are written down.
struct Tracked {
    object: Value,
    managed: Managed,
    extent: Extent,
}

/// What an applier owned before.
struct FormerSet {
    set: Set,
    version: String,
    /// Whether the entry has just this set, no schema having changed since.
    as_stored: bool,
}

fn metadata_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("metadata")?.as_object_mut()
}

fn managed_fields(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

fn metadata_text<'a>(object: &'a Value, name: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|m| m.get(name))
        .and_then(Value::as_str)
        .unwrap_or("")
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or("")
}

/// Whether a client asks for a fresh start: an empty list, or one empty entry.
fn is_reset(list: &Value) -> bool {
    match list.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(entry)]) => entry.is_empty(),
        _ => false,
    }
}

/// A client's managers, if they can be had; those it only sends back need not be looked into.
fn accepted(given: Result<Managed, ManagedFieldsError>, as_stored: bool) -> Option<Managed> {
    let managed = if as_stored {
        given
    } else {
        given.and_then(Managed::decoded)
    };
    managed.ok().filter(|managed| !managed.is_empty())
}

/// `apps/v1, Kind=Deployment`; the group of the core types shows as nothing before the slash.
fn describe_kind(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

fn describe_object(object: &Value) -> String {
    let kind = describe_kind(text(object, "apiVersion"), text(object, "kind"));
    format!(
        "{}/{}; {kind}",
        metadata_text(object, "namespace"),
        metadata_text(object, "name")
    )
}

impl<'a> FieldManager<'a> {
    /// Field management for `kind` at `api_version` (`apps/v1`); `subresource` is empty for the
    /// object itself, `reset_fields` says for each version which changes count.
    #[must_use]
    pub fn new(
        types: &'a dyn VersionedTypes,
        api_version: &'a str,
        kind: &'a str,
        subresource: &'a str,
        reset_fields: &'a ResetFields,
    ) -> Self {
        Self {
            types,
            api_version,
            kind,
            subresource,
            reset_fields,
        }
    }

    fn key(&self, manager: &str, operation: Operation) -> ManagerKey {
        let api_version = match operation {
            Operation::Apply => "",
            Operation::Update => self.api_version,
        };
        ManagerKey {
            manager: if manager.is_empty() { "unknown" } else { manager }.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: self.subresource.to_owned(),
        }
    }

    /// Records what a create (`live` is `None`), update or patch changed.
    ///
    /// Both objects are at this manager's version; `new` may carry `managedFields` of the client:
    /// an empty list or one empty entry forgets all managers, a malformed list counts as none given,
    /// and on a subresource they are ignored. An object without managers stays without them unless
    /// it is being created. Where the objects do not fit the schema, all managers are forgotten
    /// rather than the write refused.
    #[must_use]
    pub fn update(&self, live: Option<&Value>, mut new: Value, manager: &str, now: Timestamp) -> Value {
        let given = metadata_mut(&mut new).and_then(|m| m.remove("managedFields"));
        let stored = live.and_then(managed_fields);
        let managed = match &given {
            Some(given) if self.subresource.is_empty() => {
                if is_reset(given) {
                    Some(Managed::default())
                } else {
                    accepted(Managed::parse(given), stored == Some(given))
                }
            }
            _ => None,
        };
        let of_live = || stored.and_then(|list| Managed::parse(list).ok()).unwrap_or_default();
        let managed = self.updated(
            managed.unwrap_or_else(of_live),
            live.map(Tree::from).as_ref(),
            &Tree::from(&new),
            manager,
            now,
        );
        if let (Some(list), Some(metadata)) = (managed.encode(), metadata_mut(&mut new)) {
            metadata.insert("managedFields".to_owned(), list);
        }
        new
    }

    /// [`FieldManager::update`] for typed objects: `stored` are the managers of `live`, `given` those of the client, if
    /// it named any. Returns the managers of the new object.
    #[must_use]
    pub fn managers_after_update(
        &self,
        live: Option<&Tree>,
        new: &Tree,
        stored: &[ManagedFieldsEntry],
        given: Option<&[ManagedFieldsEntry]>,
        manager: &str,
        now: Timestamp,
    ) -> Vec<ManagedFieldsEntry> {
        let managed = match given {
            Some(given) if self.subresource.is_empty() => match given {
                [] => Some(Managed::default()),
                [entry] if *entry == ManagedFieldsEntry::default() => Some(Managed::default()),
                _ => accepted(Managed::of(given), given == stored),
            },
            _ => None,
        };
        let managed = managed.unwrap_or_else(|| Managed::of(stored).unwrap_or_default());
        self.updated(managed, live, new, manager, now).into_typed()
    }

    fn updated(&self, mut managed: Managed, live: Option<&Tree>, new: &Tree, manager: &str, now: Timestamp) -> Managed {
        let uid = |live: &Tree| live.root().get("metadata")?.get("uid")?.as_str().map(str::is_empty);
        let creates = live.and_then(uid).unwrap_or(true);
        if managed.is_empty() && !creates {
            return managed;
        }
        let empty = live.is_none().then(|| self.types.empty_tree(self.api_version));
        let Some(old) = live.or(empty.as_deref()).map(Tree::root) else {
            return Managed::default();
        };
        let new = new.root();
        if live.is_none()
            && managed.is_empty()
            && let Some(first) = self.first_manager(old, new, manager, now)
        {
            managed.entries.extend(Some(first).filter(|entry| !entry.is_empty()));
            return managed;
        }
        let tracked = match self.track_update(&mut managed, old, new, manager, now) {
            // A stored set that cannot be read: as if there were none.
            Err(TrackError::Managed(_)) if creates => {
                managed = Managed::default();
                self.track_update(&mut managed, old, new, manager, now)
            }
            other => other,
        };
        match tracked {
            Ok(()) => managed,
            Err(_) => Managed::default(),
        }
    }

    /// What the first manager of a new object owns, where that can be told at once.
    fn first_manager(&self, empty: View<'_>, new: View<'_>, manager: &str, now: Timestamp) -> Option<Entry> {
        let ty = self.types.type_at(self.api_version)?;
        let reset = match self.reset_fields.get(self.api_version) {
            None => None,
            Some(Filter::Exclude(set)) => Some(set),
            Some(Filter::Include(_)) => return None,
        };
        let fields = gained_json(empty, new, ty, &STRIPPED, reset)?;
        let key = self.key(manager, Operation::Update);
        Some(Entry::of_text(key, self.api_version, Some(now), fields))
    }

    fn track_update(
        &self,
        managed: &mut Managed,
        old: View<'_>,
        new: View<'_>,
        manager: &str,
        now: Timestamp,
    ) -> Result<(), TrackError> {
        let key = self.key(manager, Operation::Update);
        let change = Change {
            types: self.types,
            reset_fields: self.reset_fields,
            api_version: self.api_version,
            old,
            new,
        };
        let comparison = change.track(managed, &key, Takeover::Forced)?;
        // Both are filtered already; on a create nearly everything is added and nothing copied.
        let gained = if comparison.modified.is_empty() {
            comparison.added
        } else {
            comparison.modified.union(&comparison.added)
        };
        let gained = gained.without(&STRIPPED, Below::Stays);
        if !gained.is_empty() {
            match managed.find(&key) {
                Some(index) => {
                    let entry = &mut managed.entries[index];
                    if !entry.owns(&gained) {
                        gain(entry, &gained, self.types)?;
                    }
                    entry.set_time(Some(now));
                }
                None => managed
                    .entries
                    .push(Entry::new(key, self.api_version, Some(now), gained)),
            }
        }
        cap_update_managers(managed, MAX_UPDATE_MANAGERS)?;
        Ok(())
    }

    /// Merges an applied configuration into `live` (`None`: it creates the object) and returns the
    /// object with its managers. If the configuration changes nothing, the object is `live` but for
    /// its managers, and the applier's time stays.
    ///
    /// The result is at this manager's version and neither defaulted nor checked; nulls of the
    /// configuration are still in it.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub fn apply(&self, live: Option<&Value>, applied: &Value, options: ApplyOptions<'_>) -> Result<Value, ApplyError> {
        let stored = live.and_then(managed_fields).unwrap_or(&Value::Null);
        let Tracked {
            mut object, managed, ..
        } = self.applied(live.cloned(), applied, Managed::parse(stored), options)?;
        match (managed.encode(), metadata_mut(&mut object)) {
            (Some(list), Some(metadata)) => drop(metadata.insert("managedFields".to_owned(), list)),
            (None, Some(metadata)) => drop(metadata.remove("managedFields")),
            (Some(list), None) => object["metadata"] = serde_json::json!({ "managedFields": list }),
            (None, None) => {}
        }
        Ok(object)
    }

    /// [`FieldManager::apply`] for typed objects: `stored` are the managers of `live`, whose dynamic form is without
    /// them.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub fn apply_beside(
        &self,
        live: Option<Value>,
        applied: &Value,
        stored: &[ManagedFieldsEntry],
        options: ApplyOptions<'_>,
    ) -> Result<Merged, ApplyError> {
        let tracked = self.applied(live, applied, Managed::of(stored), options)?;
        Ok(Merged {
            object: tracked.object,
            managers: tracked.managed.into_typed(),
            extent: tracked.extent,
        })
    }

    fn applied(
        &self,
        live: Option<Value>,
        applied: &Value,
        managed: Result<Managed, ManagedFieldsError>,
        options: ApplyOptions<'_>,
    ) -> Result<Tracked, ApplyError> {
        let managed = managed.map_err(|e| ApplyError::Internal(format!("failed to decode managed fields: {e}")))?;
        if text(applied, "apiVersion") != self.api_version || text(applied, "kind") != self.kind {
            let got = describe_kind(text(applied, "apiVersion"), text(applied, "kind"));
            return Err(ApplyError::BadRequest(format!("invalid object type: {got}")));
        }
        let mut tracked = self.apply_for_kubectl(live, applied, managed, options)?;
        if options.manager == KUBECTL && refresh_annotation(&mut tracked.object, applied) {
            tracked.extent = tracked.extent.max(Extent::Metadata);
        }
        Ok(tracked)
    }

    /// For kubectl, conflicts over what its annotation shows to be its own are forced.
    fn apply_for_kubectl(
        &self,
        live: Option<Value>,
        applied: &Value,
        managed: Managed,
        options: ApplyOptions<'_>,
    ) -> Result<Tracked, ApplyError> {
        if options.manager != KUBECTL {
            return self.apply_tracked(live, applied, managed, options);
        }
        let conflicts = match self.apply_tracked(live.clone(), applied, managed.clone(), options) {
            Err(ApplyError::Conflict(conflicts)) => conflicts,
            other => return other,
        };
        let allowed = live
            .as_ref()
            .zip(self.types.type_at(self.api_version))
            .and_then(|(live, ty)| unchanged_last_applied(live, self.api_version, ty));
        let Some(allowed) = allowed else {
            return Err(ApplyError::Conflict(conflicts));
        };
        let left: Vec<_> = conflicts.0.into_iter().filter(|c| !allowed.has(&c.path)).collect();
        if left.is_empty() {
            return self.apply_tracked(live, applied, managed, ApplyOptions { force: true, ..options });
        }
        Err(ApplyError::Conflict(Conflicts(left)))
    }

    fn checked_type(&self, applied: &Value) -> Result<TypedRef<'_>, ApplyError> {
        if managed_fields(applied).is_some_and(Value::is_array) {
            return Err(ApplyError::BadRequest("metadata.managedFields must be nil".to_owned()));
        }
        let failed = |reason: String| {
            ApplyError::Internal(format!(
                "failed to create typed patch object ({}): {reason}",
                describe_object(applied)
            ))
        };
        let ty = self.types.type_at(self.api_version).ok_or_else(|| {
            failed(format!(
                "no corresponding type for {}",
                describe_kind(self.api_version, self.kind)
            ))
        })?;
        validate(applied, ty, Duplicates::Refused).map_err(|e| failed(e.to_string()))?;
        Ok(ty)
    }

    fn apply_tracked(
        &self,
        live: Option<Value>,
        applied: &Value,
        mut managed: Managed,
        options: ApplyOptions<'_>,
    ) -> Result<Tracked, ApplyError> {
        let creates = live.is_none();
        let adopts = managed.is_empty() && !creates;
        let mut merged = live.unwrap_or_else(|| self.types.empty_object(self.api_version));
        let old = Tree::from(&merged);
        if adopts {
            let empty = self.types.empty_tree(self.api_version);
            let before = self.track_update(&mut managed, empty.root(), old.root(), BEFORE_FIRST_APPLY, options.now);
            before.map_err(|e| ApplyError::Internal(format!("failed to create manager for existing fields: {e}")))?;
        }
        let ty = self.checked_type(applied)?;
        merge(&mut merged, applied, ty).map_err(|e| ApplyError::Internal(format!("failed to merge config: {e}")))?;
        let mut set =
            to_field_set(applied, ty).map_err(|e| ApplyError::Internal(format!("failed to get field set: {e}")))?;
        if let Some(filter) = self.reset_fields.get(self.api_version) {
            set = filter.apply(set);
        }

        let key = self.key(options.manager, Operation::Apply);
        let owned = set.clone().without(&STRIPPED, Below::Stays);
        let text = owned.to_json();
        let keeps = managed
            .find(&key)
            .is_some_and(|index| self.has_just(&managed.entries[index], &text));
        let last = match keeps {
            true => None,
            false => self.replace_entry(&mut managed, &key, set.clone())?,
        };
        let new = match &last {
            Some(l) => prune(
                self.types,
                merged,
                self.api_version,
                &mut managed,
                &l.set,
                &l.version,
                &set,
            )?,
            None => merged,
        };
        let takeover = if options.force {
            Takeover::Forced
        } else {
            Takeover::Refused
        };
        let new_tree = Tree::from(&new);
        let extent = match creates {
            true => Extent::Anything,
            false => Extent::of(old.root(), new_tree.root()),
        };
        let unchanged = extent == Extent::Nothing || same(old.root(), new_tree.root());
        let change = Change {
            types: self.types,
            reset_fields: self.reset_fields,
            api_version: self.api_version,
            old: old.root(),
            new: new_tree.root(),
        };
        change.track(&mut managed, &key, takeover)?;
        let last = last
            .filter(|l| l.as_stored && l.version == self.api_version)
            .map(|l| l.set);
        if let Some(index) = managed.find(&key) {
            let entry = &mut managed.entries[index];
            if !unchanged {
                entry.set_time(Some(options.now));
            }
            if owned.is_empty() {
                managed.entries.remove(index);
            } else if last.as_ref() == Some(&owned) {
                entry.restore_fields(owned);
            } else if !keeps {
                entry.set_text(text);
            }
        }
        Ok(Tracked {
            object: new,
            managed,
            extent,
        })
    }

    /// Whether an entry has just the fields of this text, at this version: an applier that applies the same fields again.
    fn has_just(&self, entry: &Entry, fields: &str) -> bool {
        let follows = |ty| text_follows_schema(fields, ty);
        entry.text() == Some(fields)
            && fields != "{}"
            && entry.api_version == self.api_version
            && self.types.type_at(self.api_version).is_some_and(follows)
    }

    /// Gives the applier its new set; returns its former one with its version.
    fn replace_entry(
        &self,
        managed: &mut Managed,
        key: &ManagerKey,
        set: Set,
    ) -> Result<Option<FormerSet>, ApplyError> {
        let Some(index) = managed.find(key) else {
            managed
                .entries
                .push(Entry::new(key.clone(), self.api_version, None, set));
            return Ok(None);
        };
        let entry = &mut managed.entries[index];
        let former = reconciled(entry, self.types)?;
        let as_stored = *entry.set().map_err(TrackError::from)? == former;
        let last = FormerSet {
            set: former,
            version: entry.api_version.clone(),
            as_stored,
        };
        entry.set_fields(set);
        entry.set_version(self.api_version);
        Ok(Some(last))
    }
}
