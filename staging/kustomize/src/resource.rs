//! [`Resource`]: an object on its way through a kustomization, and what it was called before.

use serde_json::{Map, Value};

use crate::id::{Gvk, ResId};
use crate::origin::Origin;
use crate::{Result, merge};

/// What a generated object does to one that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Nothing was said.
    #[default]
    Unspecified,
    /// There may be none.
    Create,
    /// It takes the other's place.
    Replace,
    /// Its data are added to the other's.
    Merge,
}

impl Behavior {
    /// What a kustomization says; what is not known is as good as nothing.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            _ => Self::Unspecified,
        }
    }

    /// As messages have it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// An object, and what is known of it besides its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resource {
    /// The object.
    pub(crate) object: Value,
    /// What it was known by, the oldest first.
    pub(crate) previous: Vec<(String, String, String)>,
    /// The prefixes that its name got, the innermost first.
    pub(crate) prefixes: Vec<String>,
    /// The suffixes, likewise.
    pub(crate) suffixes: Vec<String>,
    /// Of generated objects.
    pub(crate) behavior: Behavior,
    /// Whether its name gets a hash of its data.
    pub(crate) needs_hash: bool,
    /// Of patches: whether they may change the name.
    pub(crate) allow_name_change: bool,
    /// Of patches: whether they may change the kind.
    pub(crate) allow_kind_change: bool,
    /// The variables that are read from it.
    pub(crate) variables: Vec<String>,
    /// Where it comes from, if that is asked for.
    pub(crate) origin: Option<Origin>,
    /// What changed it, if that is asked for.
    pub(crate) transformations: Vec<Origin>,
}

impl Resource {
    /// An object about which nothing else is known.
    pub(crate) fn new(object: Value) -> Self {
        Self {
            object,
            ..Self::default()
        }
    }

    /// What it is known by.
    pub(crate) fn id(&self) -> ResId {
        ResId::of(&self.object)
    }

    /// What it was known by, the oldest first.
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = ResId> + '_ {
        let gvk = Gvk::of(&self.object);
        self.previous.iter().map(move |(namespace, name, kind)| ResId {
            gvk: Gvk::new(&gvk.group, &gvk.version, kind),
            name: name.clone(),
            namespace: namespace.clone(),
        })
    }

    /// What it was known by at first.
    pub(crate) fn original_id(&self) -> ResId {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// Remembers what it is known by, before that changes.
    pub(crate) fn store_id(&mut self) {
        let id = self.id();
        self.previous
            .push((id.effective_namespace().to_owned(), id.name.clone(), id.gvk.kind));
    }

    /// A text of its metadata; empty if there is none.
    pub(crate) fn metadata(&self, member: &str) -> &str {
        self.object["metadata"][member].as_str().unwrap_or_default()
    }

    /// Sets a text of the metadata; an empty one is taken out.
    pub(crate) fn set_metadata(&mut self, member: &str, text: &str) {
        if text.is_empty() && self.object["metadata"].get(member).is_none() {
            return;
        }
        let metadata = member_mut(&mut self.object, "metadata");
        if text.is_empty() {
            metadata.remove(member);
        } else {
            metadata.insert(member.to_owned(), text.into());
        }
    }

    /// A map of texts of the metadata: `labels` or `annotations`.
    pub(crate) fn pairs(&self, member: &str) -> std::collections::BTreeMap<String, String> {
        let pairs = self.object["metadata"][member].as_object().into_iter().flatten();
        pairs
            .filter_map(|(key, value)| Some((key.clone(), crate::yaml::scalar_text(value)?)))
            .collect()
    }

    /// Takes what another resource has and this one has not: labels, annotations, name and place.
    pub(crate) fn merge_metadata(&mut self, other: &Self) {
        for member in ["labels", "annotations"] {
            let mut merged = other.object["metadata"][member]
                .as_object()
                .cloned()
                .unwrap_or_default();
            merged.extend(self.object["metadata"][member].as_object().cloned().unwrap_or_default());
            if !merged.is_empty() {
                member_mut(&mut self.object, "metadata").insert(member.to_owned(), merged.into());
            }
        }
        self.set_metadata("name", other.metadata("name"));
        self.set_metadata("namespace", other.metadata("namespace"));
        self.previous.clone_from(&other.previous);
        self.prefixes.clone_from(&other.prefixes);
        self.suffixes.clone_from(&other.suffixes);
        self.variables.clone_from(&other.variables);
        self.needs_hash = self.needs_hash && other.needs_hash;
        self.behavior = other.behavior;
    }

    /// Adds the other's data to those that it has itself.
    pub(crate) fn merge_data(&mut self, other: &Self, member: &str) {
        let mut merged: Map<String, Value> = other.object[member].as_object().cloned().unwrap_or_default();
        merged.extend(self.object[member].as_object().cloned().unwrap_or_default());
        if let Some(object) = self.object.as_object_mut() {
            if merged.is_empty() {
                object.remove(member);
            } else {
                object.insert(member.to_owned(), merged.into());
            }
        }
    }

    /// Applies a strategic merge patch; false if that deletes the object.
    pub(crate) fn apply_patch(&mut self, patch: &Self) -> Result<bool> {
        let id = self.id();
        if patch.allow_name_change || patch.allow_kind_change {
            self.store_id();
        }
        let Some(merged) = merge::merge(patch.object.clone(), std::mem::take(&mut self.object))? else {
            return Ok(false);
        };
        self.object = merged;
        if self.object.as_object().is_none_or(Map::is_empty) {
            return Ok(false);
        }
        if !patch.allow_kind_change {
            self.object["kind"] = id.gvk.kind.into();
        }
        if !patch.allow_name_change {
            self.set_metadata("name", &id.name);
        }
        self.set_metadata("namespace", &id.namespace);
        Ok(true)
    }

    /// Whether the names of both were made in the same kustomizations; `lenient` takes none for any.
    pub(crate) fn same_affixes(&self, other: &Self, lenient: bool) -> bool {
        let same = |one: &[String], other: &[String]| {
            if one.is_empty() || other.is_empty() {
                return lenient || one.len() == other.len();
            }
            one.ends_with(other) || other.ends_with(one)
        };
        same(&self.prefixes, &other.prefixes) && same(&self.suffixes, &other.suffixes)
    }
}

/// A member that is an object, made one if it is none.
pub(crate) fn member_mut<'v>(value: &'v mut Value, member: &str) -> &'v mut Map<String, Value> {
    let value = &mut value[member];
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object")
}
