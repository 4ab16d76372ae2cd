//! Object metadata on create and on update.

use crate::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{
    Map,
    meta::v1::{ManagedFieldsEntry, ObjectMeta},
    primitives::{Time, quote},
};

use super::{
    labels::validate_labels,
    name::{NameCheck, NameRule},
    owners::validate_owner_references,
};

/// The message about a field that may not change.
pub const IMMUTABLE: &str = "field is immutable";
/// The most bytes that keys and values of all annotations of an object take.
pub const TOTAL_ANNOTATION_SIZE_LIMIT: usize = 256 << 10;

pub(super) const MUST_NOT_BE_NEGATIVE_NUMBER: &str = "must be greater than or equal to zero";
const MUST_NOT_BE_NEGATIVE: &str = "must be greater than or equal to 0";
const MAX_SUBRESOURCE_NAME_LENGTH: usize = 256;
const MAX_FIELD_MANAGER_LENGTH: usize = 128;
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Checks the metadata of an object that is about to be created; a name has been generated already.
#[must_use]
pub fn validate_object_meta(meta: &ObjectMeta, namespaced: bool, rule: impl NameCheck, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if !meta.generate_name.is_empty() {
        let messages = rule.check(&meta.generate_name, true);
        errors.invalid_each(&path.child("generateName"), &meta.generate_name, messages);
    }
    let name = path.child("name");
    if meta.name.is_empty() {
        errors.push(Error::required(&name, "name or generateName is required"));
    } else {
        errors.invalid_each(&name, &meta.name, rule.check(&meta.name, false));
    }
    let namespace = path.child("namespace");
    match (namespaced, meta.namespace.as_str()) {
        (true, "") => errors.push(Error::required(&namespace, "")),
        (true, value) => errors.invalid_each(&namespace, value, NameRule::Dns1123Label.check(value, false)),
        (false, "") => {}
        (false, _) => errors.push(Error::forbidden(&namespace, "not allowed on this type")),
    }
    errors.append(validate_nonnegative(meta.generation, &path.child("generation")));
    errors.append(validate_labels(&meta.labels, &path.child("labels")));
    errors.append(validate_annotations(&meta.annotations, &path.child("annotations")));
    errors.append(validate_owner_references(
        &meta.owner_references,
        &path.child("ownerReferences"),
    ));
    errors.append(validate_finalizers(&meta.finalizers, &path.child("finalizers")));
    errors.append(validate_managed_fields(
        &meta.managed_fields,
        &path.child("managedFields"),
    ));
    errors
}

/// Checks the metadata of an object that replaces another.
#[must_use]
pub fn validate_object_meta_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if old.deletion_timestamp.is_some() {
        errors.extend(validate_no_new_finalizers(
            &new.finalizers,
            &old.finalizers,
            &path.child("finalizers"),
        ));
    }
    if new.resource_version.is_empty() {
        let detail = "must be specified for an update";
        errors.push(Error::invalid(&path.child("resourceVersion"), "", detail));
    }
    if new.generation < old.generation {
        errors.push(Error::invalid(
            &path.child("generation"),
            new.generation,
            "must not be decremented",
        ));
    }
    errors.extend(validate_immutable(&new.name, &old.name, &path.child("name"), |v| {
        v.into()
    }));
    errors.extend(validate_immutable(
        &new.namespace,
        &old.namespace,
        &path.child("namespace"),
        |v| v.into(),
    ));
    errors.extend(validate_immutable(&new.uid, &old.uid, &path.child("uid"), |v| v.into()));
    errors.extend(validate_immutable(
        &new.creation_timestamp.filter(|time| !time.is_zero()),
        &old.creation_timestamp.filter(|time| !time.is_zero()),
        &path.child("creationTimestamp"),
        show_time,
    ));
    errors.extend(validate_immutable(
        &new.deletion_timestamp,
        &old.deletion_timestamp,
        &path.child("deletionTimestamp"),
        show_time,
    ));
    errors.extend(validate_immutable(
        &new.deletion_grace_period_seconds,
        &old.deletion_grace_period_seconds,
        &path.child("deletionGracePeriodSeconds"),
        BadValue::json,
    ));
    errors.append(validate_labels(&new.labels, &path.child("labels")));
    errors.append(validate_annotations(&new.annotations, &path.child("annotations")));
    errors.append(validate_owner_references(
        &new.owner_references,
        &path.child("ownerReferences"),
    ));
    errors.append(validate_managed_fields(
        &new.managed_fields,
        &path.child("managedFields"),
    ));
    errors
}

fn show_time(time: &Option<Time>) -> BadValue {
    BadValue::json(time)
}

/// An error if the two differ; `show` prints the new one.
#[must_use]
pub fn validate_immutable<T: PartialEq + ?Sized>(
    new: &T,
    old: &T,
    path: &Path<'_>,
    show: impl FnOnce(&T) -> BadValue,
) -> Option<Error> {
    (new != old).then(|| Error::invalid(path, show(new), IMMUTABLE))
}

/// Checks that a number is not negative.
#[must_use]
pub fn validate_nonnegative(value: i64, path: &Path<'_>) -> ErrorList {
    if value >= 0 {
        return ErrorList::new();
    }
    Error::invalid(path, value, MUST_NOT_BE_NEGATIVE).into()
}

/// Checks the keys of annotations (label keys, but in any case) and the size of them all.
#[must_use]
pub fn validate_annotations(annotations: &Map<String>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for key in annotations.keys() {
        errors.invalid_each(path, key, names::qualified_name(&key.to_lowercase()));
    }
    if annotations_size(annotations) > TOTAL_ANNOTATION_SIZE_LIMIT {
        errors.push(Error::too_long(path, TOTAL_ANNOTATION_SIZE_LIMIT));
    }
    errors
}

fn annotations_size(annotations: &Map<String>) -> usize {
    annotations.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Checks the size of all annotations.
///
/// # Errors
/// If they are too large; the text says how large they are.
pub fn validate_annotations_size(annotations: &Map<String>) -> Result<(), String> {
    match annotations_size(annotations) {
        size if size > TOTAL_ANNOTATION_SIZE_LIMIT => Err(format!(
            "annotations size {size} is larger than limit {TOTAL_ANNOTATION_SIZE_LIMIT}"
        )),
        _ => Ok(()),
    }
}

/// Checks the form of a finalizer's name.
#[must_use]
pub fn validate_finalizer_name(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.invalid_each(path, name, names::qualified_name(name));
    errors
}

/// Checks finalizers: their form, and that dependents are not to be both deleted and orphaned.
#[must_use]
pub fn validate_finalizers(finalizers: &[String], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for finalizer in finalizers {
        errors.append(validate_finalizer_name(finalizer, path));
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN) && has(FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(Error::invalid(path, BadValue::json(&finalizers), detail));
    }
    errors
}

fn validate_no_new_finalizers(new: &[String], old: &[String], path: &Path<'_>) -> Option<Error> {
    let mut extra: Vec<&String> = new.iter().filter(|name| !old.contains(name)).collect();
    if extra.is_empty() {
        return None;
    }
    extra.sort();
    extra.dedup();
    let extra: Vec<String> = extra.into_iter().map(|name| quote(name)).collect();
    let extra = extra.join(", ");
    Some(Error::forbidden(
        path,
        format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{extra}}}"
        ),
    ))
}

/// Checks who manages which fields.
#[must_use]
pub fn validate_managed_fields(entries: &[ManagedFieldsEntry], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = path.index(index);
        if !["Apply", "Update"].contains(&entry.operation.as_str()) {
            let value = BadValue::json(&entry.operation);
            errors.push(Error::invalid(
                &path.child("operation"),
                value,
                "must be `Apply` or `Update`",
            ));
        }
        if !["", "FieldsV1"].contains(&entry.fields_type.as_str()) {
            errors.push(Error::invalid(
                &path.child("fieldsType"),
                &entry.fields_type,
                "must be `FieldsV1`",
            ));
        }
        errors.append(validate_field_manager(&entry.manager, &path.child("manager")));
        if entry.subresource.len() > MAX_SUBRESOURCE_NAME_LENGTH {
            errors.push(Error::too_long(&path.child("subresource"), MAX_SUBRESOURCE_NAME_LENGTH));
        }
    }
    errors
}

fn validate_field_manager(manager: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if manager.len() > MAX_FIELD_MANAGER_LENGTH {
        errors.push(Error::too_long(path, MAX_FIELD_MANAGER_LENGTH));
    }
    for (at, character) in manager.char_indices() {
        if character.is_control() || (character.is_whitespace() && character != ' ') {
            let detail = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
            errors.push(Error::invalid(path, manager, detail));
        }
    }
    errors
}
