//! `managedFields` entries: reading, keeping and writing them.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use k8s_api::{
    meta::v1::ManagedFieldsEntry,
    primitives::{FieldsV1, Time},
};
use serde_json::{Map, Value};

use crate::apply::fieldset::{FieldsError, Set};
use crate::apply::go;

/// How the fields of an entry are written.
const FIELDS_V1: &str = "FieldsV1";

/// How a manager came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By create, update or another kind of patch.
    Update,
}

impl Operation {
    /// As in the entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells managers apart: an applier has one entry, an updater one for each version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerKey {
    /// Name of the manager.
    pub manager: String,
    /// Its operation.
    pub operation: Operation,
    /// The version of an updater's entry; empty for appliers.
    pub api_version: String,
    /// The subresource it came through; empty for the object itself.
    pub subresource: String,
}

impl ManagerKey {
    /// The text upstream identifies a manager by, and sorts by: the entry's JSON.
    pub(super) fn identifier(&self) -> String {
        let mut out = String::from("{");
        for (name, value) in [
            ("manager", self.manager.as_str()),
            ("operation", self.operation.as_str()),
            ("apiVersion", self.api_version.as_str()),
            ("subresource", self.subresource.as_str()),
        ] {
            if !value.is_empty() {
                let comma = if out.len() > 1 { "," } else { "" };
                out.push_str(&format!("{comma}\"{name}\":{}", go::json(&Value::from(value))));
            }
        }
        out.push('}');
        out
    }
}

/// As conflict messages name a manager.
impl fmt::Display for ManagerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&go::quote(&self.manager))?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {}", go::quote(&self.subresource))?;
        }
        match self.operation {
            Operation::Update => write!(f, " using {}", self.api_version),
            Operation::Apply => Ok(()),
        }
    }
}

/// Why `metadata.managedFields` cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ManagedFieldsError {
    /// The operation is neither of the two.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// The entry has no version.
    #[error("apiVersion must not be empty")]
    ApiVersion,
    /// The entry does not say how its fields are encoded.
    #[error("missing fieldsType in managed fields entry {0}")]
    MissingFieldsType(usize),
    /// The encoding is not known.
    #[error("invalid fieldsType {} in managed fields entry {entry}", go::quote(fields_type))]
    FieldsType {
        /// What it says.
        fields_type: String,
        /// Position of the entry.
        entry: usize,
    },
    /// The entry, or the list, has the wrong shape.
    #[error("{0}")]
    Shape(&'static str),
    /// The field set is malformed.
    #[error("error decoding versioned set from {manager}: error decoding set: {source}")]
    Fields {
        /// Whose set it is.
        manager: String,
        /// What is wrong with it.
        source: FieldsError,
    },
}

/// One manager's entry. The text of its fields is authoritative until the set is decoded and changed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: ManagerKey,
    /// The version of the field set.
    pub(super) api_version: String,
    pub(super) time: Option<Timestamp>,
    fields: Option<FieldsV1>,
    /// The decoded set, if it was needed.
    set: Option<Set>,
    /// Whether `set` has changed since and is what counts; it is encoded at the end.
    changed: bool,
}

fn text<'a>(raw: &'a Map<String, Value>, name: &str) -> &'a str {
    raw.get(name).and_then(Value::as_str).unwrap_or("")
}

/// An entry's members that are text.
struct Head<'a> {
    manager: &'a str,
    operation: &'a str,
    api_version: &'a str,
    fields_type: &'a str,
    subresource: &'a str,
}

impl Head<'_> {
    fn entry(self, position: usize) -> Result<Entry, ManagedFieldsError> {
        let operation = match self.operation {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err(ManagedFieldsError::Operation),
        };
        if self.api_version.is_empty() {
            return Err(ManagedFieldsError::ApiVersion);
        }
        match self.fields_type {
            FIELDS_V1 => {}
            "" => return Err(ManagedFieldsError::MissingFieldsType(position)),
            other => {
                return Err(ManagedFieldsError::FieldsType {
                    fields_type: other.to_owned(),
                    entry: position,
                });
            }
        }
        let key = ManagerKey {
            manager: self.manager.to_owned(),
            operation,
            api_version: match operation {
                Operation::Apply => String::new(),
                Operation::Update => self.api_version.to_owned(),
            },
            subresource: self.subresource.to_owned(),
        };
        Ok(Entry {
            key,
            api_version: self.api_version.to_owned(),
            time: None,
            fields: None,
            set: None,
            changed: false,
        })
    }
}

impl Entry {
    fn parse(value: &Value, position: usize) -> Result<Self, ManagedFieldsError> {
        let Value::Object(raw) = value else {
            return Err(ManagedFieldsError::Shape("managed fields entry is no object"));
        };
        let head = Head {
            manager: text(raw, "manager"),
            operation: text(raw, "operation"),
            api_version: text(raw, "apiVersion"),
            fields_type: text(raw, "fieldsType"),
            subresource: text(raw, "subresource"),
        };
        let mut entry = head.entry(position)?;
        entry.time = match raw.get("time") {
            None | Some(Value::Null) => None,
            Some(time) => Some(
                time.as_str()
                    .and_then(|t| t.parse().ok())
                    .ok_or(ManagedFieldsError::Shape(
                        "time of a managed fields entry is no RFC 3339 time",
                    ))?,
            ),
        };
        entry.fields = raw.get("fieldsV1").map(FieldsV1::from);
        Ok(entry)
    }

    fn of(typed: &ManagedFieldsEntry, position: usize) -> Result<Self, ManagedFieldsError> {
        let head = Head {
            manager: &typed.manager,
            operation: &typed.operation,
            api_version: &typed.api_version,
            fields_type: &typed.fields_type,
            subresource: &typed.subresource,
        };
        let mut entry = head.entry(position)?;
        entry.time = typed.time.map(Timestamp::from);
        entry.fields.clone_from(&typed.fields_v1);
        Ok(entry)
    }

    pub(super) fn new(key: ManagerKey, api_version: &str, time: Option<Timestamp>, set: Set) -> Self {
        Self {
            key,
            api_version: api_version.to_owned(),
            time,
            fields: None,
            set: Some(set),
            changed: true,
        }
    }

    /// An entry of a field set in its text form.
    pub(super) fn of_text(key: ManagerKey, api_version: &str, time: Option<Timestamp>, fields: String) -> Self {
        Self {
            key,
            api_version: api_version.to_owned(),
            time,
            fields: Some(FieldsV1::from_own_json(fields)),
            set: None,
            changed: false,
        }
    }

    fn fields(&self) -> &str {
        self.fields.as_ref().map_or("null", FieldsV1::as_str)
    }

    /// The field set, decoded on first use.
    pub(super) fn set(&mut self) -> Result<&Set, ManagedFieldsError> {
        if self.set.is_none() {
            self.set = Some(
                Set::from_json(self.fields()).map_err(|source| ManagedFieldsError::Fields {
                    manager: self.key.identifier(),
                    source,
                })?,
            );
        }
        Ok(self.set.as_ref().expect("the set was decoded above"))
    }

    pub(super) fn set_fields(&mut self, set: Set) {
        self.set = Some(set);
        self.changed = true;
    }

    /// The text of the fields, as long as it is what counts and nobody has decoded it.
    pub(super) fn text(&self) -> Option<&str> {
        let undecoded = self.fields.as_ref().filter(|_| self.set.is_none());
        undecoded.map(FieldsV1::as_str)
    }

    /// Replaces the fields by those that a text of [`Set::to_json`] stands for.
    pub(super) fn set_text(&mut self, fields: String) {
        self.fields = Some(FieldsV1::from_own_json(fields));
        self.set = None;
        self.changed = false;
    }

    /// Puts the set back that the entry's text has.
    pub(super) fn restore_fields(&mut self, set: Set) {
        self.set = Some(set);
        self.changed = false;
    }

    fn into_typed(self) -> ManagedFieldsEntry {
        let changed = self.set.filter(|_| self.changed);
        let fields = match changed {
            Some(set) => Some(FieldsV1::from_own_json(set.to_json())),
            None => self.fields,
        };
        ManagedFieldsEntry {
            manager: self.key.manager,
            operation: self.key.operation.as_str().to_owned(),
            api_version: self.api_version,
            fields_type: FIELDS_V1.to_owned(),
            fields_v1: fields,
            subresource: self.key.subresource,
            // It is kept in whole seconds.
            time: self.time.map(|time| Time::from_unix(time.as_second(), 0)),
        }
    }

    fn encode(self) -> Value {
        serde_json::to_value(self.into_typed()).expect("an entry is written as JSON")
    }

    /// Moves the entry to another version of the field set.
    pub(super) fn set_version(&mut self, api_version: &str) {
        api_version.clone_into(&mut self.api_version);
    }

    /// Gives the entry to another manager.
    pub(super) fn set_key(&mut self, key: ManagerKey) {
        self.key = key;
    }

    /// Sets the time, which is kept in whole seconds.
    pub(super) fn set_time(&mut self, time: Option<Timestamp>) {
        self.time = time;
    }

    /// Whether no field is owned.
    pub(super) fn is_empty(&self) -> bool {
        match &self.set {
            Some(set) => set.is_empty(),
            None => matches!(self.fields(), "{}" | "null") || !self.fields().starts_with('{'),
        }
    }

    /// Whether a path of `changes` may be owned, or lie above an owned one; never wrongly no.
    pub(super) fn touches(&self, changes: &Set) -> bool {
        match &self.set {
            Some(set) => set.touches(changes),
            None => !changes.is_empty() && changes.is_touched_in(self.fields()),
        }
    }

    /// Whether all of `paths` are owned.
    pub(super) fn owns(&self, paths: &Set) -> bool {
        match &self.set {
            Some(set) => set.contains_all(paths),
            None => paths.is_contained_in(self.fields()),
        }
    }

    fn seconds(&self) -> i64 {
        self.time.map_or(0, Timestamp::as_second)
    }

    /// The order of entries in an object: appliers first, then by time, name, version, subresource.
    fn order(&self, other: &Self) -> Ordering {
        (
            self.key.operation,
            self.seconds(),
            &self.key.manager,
            &self.api_version,
            &self.key.subresource,
        )
            .cmp(&(
                other.key.operation,
                other.seconds(),
                &other.key.manager,
                &other.api_version,
                &other.key.subresource,
            ))
    }
}

/// The managers of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Managed {
    pub(super) entries: Vec<Entry>,
}

impl Managed {
    /// Reads the list; the field sets are left undecoded.
    pub(super) fn parse(list: &Value) -> Result<Self, ManagedFieldsError> {
        match list {
            Value::Array(items) => Self::collect(items, Entry::parse),
            Value::Null => Ok(Self::default()),
            _ => Err(ManagedFieldsError::Shape("managedFields is no list")),
        }
    }

    /// Takes over the list of a typed object; the field sets are left undecoded.
    pub(super) fn of(list: &[ManagedFieldsEntry]) -> Result<Self, ManagedFieldsError> {
        Self::collect(list, Entry::of)
    }

    fn collect<T>(
        items: &[T],
        read: impl Fn(&T, usize) -> Result<Entry, ManagedFieldsError>,
    ) -> Result<Self, ManagedFieldsError> {
        let mut out = Self::default();
        for (position, item) in items.iter().enumerate() {
            let entry = read(item, position)?;
            match out.find(&entry.key) {
                Some(index) => out.entries[index] = entry,
                None => out.entries.push(entry),
            }
        }
        Ok(out)
    }

    /// Decodes every field set, so that a malformed one is found.
    pub(super) fn decoded(mut self) -> Result<Self, ManagedFieldsError> {
        for entry in &mut self.entries {
            let set = entry.set()?.clone();
            // A client may have spelled the names in its own way.
            entry.set_fields(set);
        }
        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn find(&self, key: &ManagerKey) -> Option<usize> {
        self.entries.iter().position(|e| e.key == *key)
    }

    /// The entries as they stand.
    pub(super) fn into_values(self) -> Vec<Value> {
        self.entries.into_iter().map(Entry::encode).collect()
    }

    /// The list for `metadata.managedFields`, sorted; `None` if nobody manages anything.
    pub(super) fn encode(mut self) -> Option<Value> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries.sort_by(Entry::order);
        Some(Value::Array(self.into_values()))
    }

    /// The list for a typed object's `metadata.managedFields`, sorted.
    pub(super) fn into_typed(mut self) -> Vec<ManagedFieldsEntry> {
        self.entries.sort_by(Entry::order);
        self.entries.into_iter().map(Entry::into_typed).collect()
    }
}

/// Checks the managers of an object as a mutating admission plugin may have left them.
///
/// # Errors
/// The first entry's fault.
pub fn validate_managed_fields(list: &[ManagedFieldsEntry]) -> Result<(), ManagedFieldsError> {
    Managed::of(list)?.decoded().map(|_| ())
}
