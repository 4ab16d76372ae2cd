//! How a claim may change: it gets its volume once; bound, it may ask for more and for another class
//! of attributes; a request that could not be met may be taken back as far as the volume is large.

use crate::shared::validate_basic;
use apis_pod::resources;
use std::borrow::Cow;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::{
    core::v1::PersistentVolumeClaim,
    primitives::{Format, Quantity},
};

use super::{BETA_CLASS_ANNOTATION, BOUND, Options, show::show_spec, validate};
use crate::{
    go_value::{named, optional},
    meta,
    shared::IMMUTABLE,
};

const RESIZE_STATUSES: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

/// Checks an update of a claim.
#[must_use]
pub fn validate_update(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let options = Options::for_update(old);
    let mut errors = meta::validate_object_meta_update(&claim.metadata, &old.metadata, &Path::new("metadata"));
    errors.append(validate(claim, options));
    validate_immutable_spec(claim, old, &mut errors);
    validate_shrinking(claim, old, &mut errors);
    if claim.spec.volume_mode != old.spec.volume_mode {
        let mode = optional(claim.spec.volume_mode.as_deref());
        errors.push(Error::invalid(&Path::new("volumeMode"), mode, IMMUTABLE));
    }
    let attributes = claim.spec.volume_attributes_class_name.as_deref();
    if attributes != old.spec.volume_attributes_class_name.as_deref()
        && old.status.current_volume_attributes_class_name.is_some()
        && attributes.is_none_or(str::is_empty)
    {
        let to = if attributes.is_none() { "nil" } else { "empty string" };
        errors.push(Error::forbidden(
            &Path::new("spec.volumeAttributesClassName"),
            format!("update to {to} is forbidden when status.currentVolumeAttributesClassName is not nil"),
        ));
    }
    errors
}

/// Whether the class moves from the annotation into the field, where the annotation may stay.
fn moves_class_from_annotation(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> bool {
    let annotation = |claim: &'_ PersistentVolumeClaim| claim.metadata.annotations.get(BETA_CLASS_ANNOTATION).cloned();
    let Some(before) = annotation(old) else { return false };
    old.spec.storage_class_name.is_none()
        && claim.spec.storage_class_name.as_ref() == Some(&before)
        && annotation(claim).is_none_or(|after| after == before)
}

fn validate_immutable_spec(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut ErrorList) {
    let mut spec = Cow::Borrowed(&claim.spec);
    let mut before = Cow::Borrowed(&old.spec);
    if before.volume_name.is_empty() && !spec.volume_name.is_empty() {
        before.to_mut().volume_name.clone_from(&claim.spec.volume_name);
    }
    let annotation = |claim: &'_ PersistentVolumeClaim| claim.metadata.annotations.get(BETA_CLASS_ANNOTATION).cloned();
    if moves_class_from_annotation(claim, old) {
        spec.to_mut().storage_class_name = None;
    } else {
        let (now, then) = (annotation(claim), annotation(old));
        if now.as_deref().unwrap_or("") != then.as_deref().unwrap_or("") {
            let path = Path::new("metadata.annotations");
            let value = now.unwrap_or_default();
            errors.push(Error::invalid(&path.child(BETA_CLASS_ANNOTATION), value, IMMUTABLE));
        }
        // A claim without a class may get one, as long as the annotation does not name another.
        let class = claim.spec.storage_class_name.as_ref();
        if old.spec.storage_class_name.is_none() && class.is_some() && then.is_none_or(|then| class == Some(&then)) {
            spec.to_mut().storage_class_name = None;
        }
    }
    if claim.status.phase == BOUND {
        let requested = old.spec.resources.requests.get("storage");
        if !spec.resources.requests.is_empty() && spec.resources.requests.get("storage") != requested {
            let zero = || Quantity::new(0, Format::DecimalSI);
            let size = requested.cloned().unwrap_or_else(zero);
            spec.to_mut().resources.requests.insert("storage", size);
        }
        if spec.volume_attributes_class_name != before.volume_attributes_class_name {
            spec.to_mut()
                .volume_attributes_class_name
                .clone_from(&before.volume_attributes_class_name);
        }
    }
    if *spec != *before {
        let diff = show_spec(&before).diff(&show_spec(&spec));
        errors.push(Error::forbidden(
            &Path::new("spec"),
            format!(
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{diff}"
            ),
        ));
    }
}

fn validate_shrinking(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut ErrorList) {
    let zero = Quantity::default();
    let storage = |list: &'_ k8s_api::Map<Quantity>| list.get("storage").cloned().unwrap_or_else(|| zero.clone());
    let size = storage(&claim.spec.resources.requests);
    if size < storage(&old.spec.resources.requests) && size <= storage(&old.status.capacity) {
        errors.push(Error::forbidden(
            &Path::new("spec.resources.requests.storage"),
            "field can not be less than status.capacity",
        ));
    }
}

/// Checks an update of a claim's status.
#[must_use]
pub fn validate_status_update(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&claim.metadata, &old.metadata, &Path::new("metadata"));
    if claim.metadata.resource_version.is_empty() {
        errors.push(Error::required(&Path::new("resourceVersion"), ""));
    }
    if claim.spec.access_modes.is_empty() {
        errors.push(Error::required(&Path::new("Spec.accessModes"), ""));
    }
    let path = Path::new("status.capacity");
    for (name, quantity) in &claim.status.capacity {
        errors.append(validate_basic(quantity, &path.key(name)));
    }
    let path = Path::new("status.allocatedResourceStatuses");
    for (name, status) in &claim.status.allocated_resource_statuses {
        errors.append(validate_resource_key(name, &path));
        if !RESIZE_STATUSES.contains(&status.as_str()) {
            errors.push(Error::not_supported(&path, named(name), &RESIZE_STATUSES));
        }
    }
    let path = Path::new("status.allocatedResources");
    for (name, quantity) in &claim.status.allocated_resources {
        let faults = validate_resource_key(name, &path);
        if !faults.is_empty() {
            errors.append(faults);
            continue;
        }
        let path = path.key(name);
        let faults = validate_basic(quantity, &path);
        errors.append(if faults.is_empty() {
            resources::validate_quantity("storage", quantity, &path)
        } else {
            faults
        });
    }
    errors
}

/// Of its own resources Kubernetes knows only `storage` of volumes; drivers may have theirs.
fn validate_resource_key(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.invalid_each(path, name, names::qualified_name(name));
    if errors.is_empty() && resources::is_native(name) && name != "storage" {
        errors.push(Error::not_supported(path, name, &["storage"]));
    }
    errors
}
