//! Ownership of fields around a write (`metadata.managedFields`).

use apimachinery::{
    apply::fieldset::{Filter, PathElement, Set},
    apply::manager::{FieldManager, ResetFields, SingleVersion, manager_or_user_agent},
};
use serde_json::Value;

use super::Call;
use crate::{
    admission::WriteOptions,
    registry::{AnyObject, ObjectBox, ResourceStrategy, VersionCodec},
};

/// Field management of one version of a resource and one subresource.
pub(crate) struct Tracker<'a> {
    codec: &'a dyn VersionCodec,
    subresource: &'a str,
    reset: ResetFields,
}

impl<'a> Tracker<'a> {
    pub(crate) fn new(codec: &'a dyn VersionCodec, subresource: &'a str, strategy: &dyn ResourceStrategy) -> Self {
        let paths: Vec<Vec<PathElement>> = strategy
            .reset_fields()
            .iter()
            .map(|path| path.iter().map(|member| PathElement::field(member.as_str())).collect())
            .collect();
        let mut reset = ResetFields::new();
        if !paths.is_empty() {
            reset.insert(codec.api_version().to_owned(), Filter::Exclude(Set::from_paths(paths)));
        }
        Self {
            codec,
            subresource,
            reset,
        }
    }

    /// Of what is answered and not stored.
    pub(crate) fn unstored(codec: &'a dyn VersionCodec, subresource: &'a str) -> Self {
        Self {
            codec,
            subresource,
            reset: ResetFields::new(),
        }
    }

    pub(super) fn with<R>(&self, act: impl FnOnce(&FieldManager<'_>) -> R) -> R {
        let codec = self.codec;
        let types = SingleVersion {
            api_version: codec.api_version(),
            ty: codec.type_ref(),
        };
        act(&FieldManager::new(
            &types,
            codec.api_version(),
            codec.kind(),
            self.subresource,
            &self.reset,
        ))
    }

    /// Records who owns what after a create, update or patch. `given` is the client's own
    /// `managedFields`, which a typed object may have lost when it was empty.
    pub(super) fn update(
        &self,
        call: &Call<'_>,
        options: &WriteOptions,
        live: Option<&Value>,
        object: &mut ObjectBox,
        given: Option<Value>,
    ) {
        let manager = manager_or_user_agent(&options.field_manager, &call.context.user_agent);
        self.record(&manager, call.context.received, live, object, given);
    }

    /// [`Tracker::update`] for a manager by name.
    pub(crate) fn record(
        &self,
        manager: &str,
        now: jiff::Timestamp,
        live: Option<&Value>,
        object: &mut ObjectBox,
        given: Option<Value>,
    ) {
        let mut value = self.codec.encode(object.as_ref());
        if let (Some(given), Some(metadata)) = (given, value.get_mut("metadata").and_then(Value::as_object_mut)) {
            metadata.insert("managedFields".to_owned(), given);
        }
        let tracked = self.with(|fields| fields.update(live, value, manager, now));
        set_managed_fields(object, &tracked);
    }
}

/// Puts the managers of `from` into the typed object.
pub(super) fn set_managed_fields(object: &mut ObjectBox, from: &Value) {
    set_managed_fields_of(object.as_mut(), from);
}

/// [`set_managed_fields`] of an object behind a reference.
pub(super) fn set_managed_fields_of(object: &mut dyn AnyObject, from: &Value) {
    let entries = from
        .get("metadata")
        .and_then(|m| m.get("managedFields"))
        .and_then(Value::as_array);
    let decoded = entries.map(|entries| {
        entries
            .iter()
            .cloned()
            .filter_map(|entry| serde_json::from_value(entry).ok())
    });
    object.metadata_mut().managed_fields = decoded.map(Iterator::collect).unwrap_or_default();
}

/// The client's own `managedFields`.
pub(super) fn given_managers(value: &Value) -> Option<Value> {
    value.get("metadata")?.get("managedFields").cloned()
}
