//! What is asked of a volume: the specs of claims, and the templates of ephemeral ones.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::{
    core::v1::{EphemeralVolumeSource, PersistentVolumeClaimSpec},
    meta::v1::ObjectMeta,
};

use crate::{
    meta::{LabelSelectorOptions, NameRule, validate_annotations, validate_label_selector, validate_labels},
    resources::validate_quantity,
    rules::{dns_subdomain, object_name, one_of, required},
};

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

/// What is let through because it is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimOptions {
    /// Selectors may name values that no label has.
    pub allow_invalid_label_values: bool,
    /// Data sources may name malformed API groups.
    pub allow_invalid_data_source_groups: bool,
}

pub(super) fn validate_ephemeral(source: &EphemeralVolumeSource, path: &Path<'_>) -> ErrorList {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = &source.volume_claim_template else {
        return Error::required(&path, "").into();
    };
    let mut errors = validate_template_metadata(&template.metadata, &path.child("metadata"));
    errors.append(validate_claim_spec(
        &template.spec,
        ClaimOptions::default(),
        &path.child("spec"),
    ));
    errors
}

/// Checks the metadata of a template, of which only labels and annotations are used.
#[must_use]
pub fn validate_template_metadata(metadata: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_annotations(&metadata.annotations, &path.child("annotations"));
    errors.append(validate_labels(&metadata.labels, &path.child("labels")));
    let others = [
        ("name", !metadata.name.is_empty()),
        ("generateName", !metadata.generate_name.is_empty()),
        ("namespace", !metadata.namespace.is_empty()),
        ("selfLink", !metadata.self_link.is_empty()),
        ("uID", !metadata.uid.is_empty()),
        ("resourceVersion", !metadata.resource_version.is_empty()),
        ("generation", metadata.generation != 0),
        ("creationTimestamp", metadata.creation_timestamp.is_some()),
        ("deletionTimestamp", metadata.deletion_timestamp.is_some()),
        (
            "deletionGracePeriodSeconds",
            metadata.deletion_grace_period_seconds.is_some(),
        ),
        ("ownerReferences", !metadata.owner_references.is_empty()),
        ("finalizers", !metadata.finalizers.is_empty()),
        ("managedFields", !metadata.managed_fields.is_empty()),
    ];
    let set = others.into_iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(name, _)| Error::forbidden(&path.child(name), "cannot be set")));
    errors
}

/// Checks what a claim asks for.
#[must_use]
pub fn validate_claim_spec(spec: &PersistentVolumeClaimSpec, options: ClaimOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let modes = path.child("accessModes");
    if spec.access_modes.is_empty() {
        errors.push(Error::required(&modes, "at least 1 access mode is required"));
    }
    let selector_options = LabelSelectorOptions {
        allow_invalid_label_values: options.allow_invalid_label_values,
        ..LabelSelectorOptions::default()
    };
    errors.append(validate_label_selector(
        spec.selector.as_deref(),
        selector_options,
        &path.child("selector"),
    ));
    errors.extend(
        spec.access_modes
            .iter()
            .filter_map(|mode| one_of(&modes, mode, &ACCESS_MODES)),
    );
    let known = |mode: &&String| ACCESS_MODES.contains(&mode.as_str());
    let single = |mode: &&String| *mode == "ReadWriteOncePod";
    let known_modes = || spec.access_modes.iter().filter(known);
    if known_modes().any(|mode| single(&mode)) && known_modes().any(|mode| !single(&mode)) {
        let detail = "may not use ReadWriteOncePod with other access modes";
        errors.push(Error::forbidden(&modes, detail));
    }
    let resources = path.child("resources");
    let storage_path = resources.key("storage");
    errors.append(match spec.resources.requests.get("storage") {
        None => Error::required(&storage_path, "").into(),
        Some(storage) if storage.signum() <= 0 => {
            Error::invalid(&storage_path, storage.to_string(), "must be greater than zero").into()
        }
        Some(storage) => validate_quantity("storage", storage, &storage_path),
    });
    let class = |member: &str, name: Option<&String>| {
        let name = name.map(String::as_str).unwrap_or_default();
        if name.is_empty() {
            return ErrorList::new();
        }
        object_name(NameRule::Dns1123Subdomain, &path.child(member), name)
    };
    errors.append(class("storageClassName", spec.storage_class_name.as_ref()));
    let mode = spec.volume_mode.as_deref();
    errors.extend(mode.and_then(|mode| one_of(&path.child("volumeMode"), mode, &VOLUME_MODES)));
    errors.append(validate_data_sources(spec, options, path));
    errors.append(class(
        "volumeAttributesClassName",
        spec.volume_attributes_class_name.as_ref(),
    ));
    errors
}

fn validate_data_sources(spec: &PersistentVolumeClaimSpec, options: ClaimOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(source) = &spec.data_source {
        let reference = (source.api_group.as_deref(), source.kind.as_str(), source.name.as_str());
        errors.append(validate_data_source(reference, options, &path.child("dataSource")));
    }
    let Some(source) = &spec.data_source_ref else {
        return errors;
    };
    let reference = (source.api_group.as_deref(), source.kind.as_str(), source.name.as_str());
    let source_path = path.child("dataSourceRef");
    errors.append(validate_data_source(reference, options, &source_path));
    let namespace = source.namespace.as_deref().unwrap_or_default();
    if !namespace.is_empty() {
        errors.append(object_name(
            NameRule::Dns1123Label,
            &source_path.child("namespace"),
            namespace,
        ));
    }
    if let Some(old) = &spec.data_source {
        let old = (old.api_group.as_deref(), old.kind.as_str(), old.name.as_str());
        let fault = if !namespace.is_empty() {
            Some("may not be specified when dataSourceRef.namespace is specified")
        } else {
            (old != reference).then_some("must match dataSourceRef")
        };
        // The bad value is the path itself, which has no JSON form.
        errors.extend(fault.map(|fault| Error::invalid(path, BadValue::plain("{}"), fault)));
    }
    errors
}

fn validate_data_source(
    (group, kind, name): (Option<&str>, &str, &str),
    options: ClaimOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("name"), name).into_iter().collect();
    errors.extend(required(&path.child("kind"), kind));
    match group.unwrap_or_default() {
        "" if kind != "PersistentVolumeClaim" => {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(Error::invalid(path, kind, detail));
        }
        "" => {}
        _ if options.allow_invalid_data_source_groups => {}
        group => errors.append(dns_subdomain(&path.child("apiGroup"), group)),
    }
    errors
}
