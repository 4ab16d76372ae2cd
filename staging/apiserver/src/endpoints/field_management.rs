//! Ownership of fields around a write (`metadata.managedFields`).

use apimachinery::{
    apply::fieldset::{Filter, PathElement, Set},
    apply::manager::{FieldManager, ResetFields, SingleVersion, manager_or_user_agent},
};
use k8s_api::tree::Tree;
use serde_json::Value;

use super::{Call, metadata_patch};
use crate::{
    admission::WriteOptions,
    registry::{AnyObject, Existing, ObjectBox, ResourceStrategy, VersionCodec},
};

/// Field management of one version of a resource and one subresource.
pub(crate) struct Tracker<'a> {
    codec: &'a dyn VersionCodec,
    subresource: &'a str,
    reset: ResetFields,
}

impl<'a> Tracker<'a> {
    pub(crate) fn new(codec: &'a dyn VersionCodec, subresource: &'a str, strategy: &dyn ResourceStrategy) -> Self {
        let paths = strategy.reset_fields();
        let mut reset = ResetFields::new();
        if !paths.is_empty() {
            let elements = |path: &&[&'static str]| path.iter().map(|&member| PathElement::field(member)).collect();
            let paths = paths.iter().map(elements).collect::<Vec<Vec<_>>>();
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

    /// Records who owns what after a create, update or patch of what exists.
    pub(super) fn update(
        &self,
        call: &Call<'_>,
        options: &WriteOptions,
        existing: Option<&Existing>,
        object: &mut ObjectBox,
        given: Given,
    ) {
        let manager = manager_or_user_agent(&options.field_manager, &call.context.user_agent);
        self.record(&manager, call.context.received, existing, object, given);
    }

    /// [`Tracker::update`] for a manager by name.
    pub(crate) fn record(
        &self,
        manager: &str,
        now: jiff::Timestamp,
        existing: Option<&Existing>,
        object: &mut ObjectBox,
        given: Given,
    ) {
        let live = existing.map(|existing| self.codec.to_tree(existing.object.as_ref()));
        let managers = given.managers;
        let new = |object: &dyn AnyObject| given.restored(self.codec, object);
        self.compared(manager, now, existing, live.as_ref(), object, managers, new);
    }

    /// [`Tracker::update`] after a patch that changed nothing but the metadata, of which `live` is the former
    /// [form](metadata_patch::tree).
    pub(super) fn update_metadata(
        &self,
        call: &Call<'_>,
        options: &WriteOptions,
        existing: &Existing,
        live: &Tree,
        object: &mut ObjectBox,
    ) {
        let manager = manager_or_user_agent(&options.field_manager, &call.context.user_agent);
        let new = |object: &dyn AnyObject| metadata_patch::tree(self.codec, object);
        self.compared(
            &manager,
            call.context.received,
            Some(existing),
            Some(live),
            object,
            false,
            new,
        );
    }

    /// Records what differs between a form of the live object and the one that `new` makes of the new object without its
    /// managers. `given` tells whether the client named managers, if only an empty list of them.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of the change, and all differ from call to call"
    )]
    fn compared(
        &self,
        manager: &str,
        now: jiff::Timestamp,
        existing: Option<&Existing>,
        live: Option<&Tree>,
        object: &mut ObjectBox,
        given: bool,
        new: impl FnOnce(&dyn AnyObject) -> Tree,
    ) {
        let stored = existing.map_or(&[][..], |existing| &existing.object.metadata().managed_fields);
        let named = std::mem::take(&mut object.metadata_mut().managed_fields);
        let new = new(object.as_ref());
        let given = (given || !named.is_empty()).then_some(named.as_slice());
        object.metadata_mut().managed_fields =
            self.with(|fields| fields.managers_after_update(live, &new, stored, given, manager, now));
    }
}

/// What `make` makes of an object without its managers, most of which is text that nobody reads.
pub(super) fn without_managers<R>(object: &mut dyn AnyObject, make: impl FnOnce(&dyn AnyObject) -> R) -> R {
    let managers = std::mem::take(&mut object.metadata_mut().managed_fields);
    let made = make(object);
    object.metadata_mut().managed_fields = managers;
    made
}

/// The dynamic form of an object without its managers.
pub(crate) fn encode_without_managers(codec: &dyn VersionCodec, object: &mut dyn AnyObject) -> Value {
    without_managers(object, |object| codec.encode(object))
}

/// Takes the managers out of an object's dynamic form.
fn take_managers(from: &mut Value) -> Vec<Value> {
    match from.pointer_mut("/metadata/managedFields").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

/// Puts the managers of `from` into the typed object; what is no entry is left out.
pub(super) fn set_managed_fields_of(object: &mut dyn AnyObject, mut from: Value) {
    let entries = take_managers(&mut from).into_iter();
    let decoded = entries.filter_map(|entry| serde_json::from_value(entry).ok());
    object.metadata_mut().managed_fields = decoded.collect();
}

/// What a client sent and a typed object may have lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// There are `managedFields`, if only empty ones.
    managers: bool,
    /// Paths of lists that are there and have no items. A typed object holds them as it holds absent ones, but who sends
    /// an empty list where there was none owns it.
    empty_lists: Vec<Vec<String>>,
}

impl Given {
    /// What is to be kept of a request's object.
    pub(super) fn of(value: &Value) -> Self {
        let mut given = Self {
            managers: value
                .get("metadata")
                .is_some_and(|metadata| metadata.get("managedFields").is_some()),
            empty_lists: Vec::new(),
        };
        given.find_empty_lists(value, &mut Vec::new());
        given
    }

    fn find_empty_lists<'v>(&mut self, value: &'v Value, path: &mut Vec<&'v str>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            path.push(name);
            match member {
                Value::Array(items) if items.is_empty() => {
                    self.empty_lists
                        .push(path.iter().map(|&name| name.to_owned()).collect());
                }
                Value::Object(_) => self.find_empty_lists(member, path),
                _ => {}
            }
            path.pop();
        }
    }

    /// What is to be kept of an object that was decoded from [plain](k8s_api::Kind::from_plain_json) text: nothing that
    /// the object itself would not show.
    pub(super) fn plainly() -> Self {
        Self::default()
    }

    /// Whether a typed object holds all of it.
    pub(super) fn is_plain(&self) -> bool {
        !self.managers && self.empty_lists.is_empty()
    }

    /// The dynamic form of a typed object, with what it lost.
    fn restored(&self, codec: &dyn VersionCodec, object: &dyn AnyObject) -> Tree {
        if self.empty_lists.is_empty() {
            return codec.to_tree(object);
        }
        let mut value = codec.encode(object);
        self.restore(&mut value);
        Tree::from(&value)
    }

    /// Gives back what a typed object lost.
    fn restore(&self, value: &mut Value) {
        for path in &self.empty_lists {
            let member = path.iter().try_fold(&mut *value, |value, name| value.get_mut(name));
            // What is left out when empty is not there at all.
            if let Some(member @ Value::Null) = member {
                *member = Value::Array(Vec::new());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Given;

    #[test]
    fn an_empty_list_is_given_back_where_it_is_written_as_null() {
        let given = Given::of(&json!({"metadata": {"managedFields": []}, "spec": {"drivers": [], "other": []}}));
        let mut typed = json!({"metadata": {}, "spec": {"drivers": null}});
        assert!(given.managers, "managers were named");
        given.restore(&mut typed);
        assert_eq!(typed, json!({"metadata": {}, "spec": {"drivers": []}}));
    }
}
