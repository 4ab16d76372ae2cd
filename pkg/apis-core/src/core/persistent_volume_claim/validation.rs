//! Rules of a claim by itself.

use crate::shared::validate_positive;
use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec};

use super::{ACCESS_MODES, VOLUME_MODES};
use crate::{
    go_value::named,
    meta::{self, LabelSelectorOptions, NameRule},
    shared::validate_namespace_name,
};

/// What is let through that a new claim could not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Label values in the selector that no label can have.
    pub allow_invalid_label_values: bool,
    /// API groups of data sources that are no domains.
    pub allow_invalid_api_group: bool,
}

impl Options {
    /// What an update of `old` may keep.
    #[must_use]
    pub fn for_update(old: &PersistentVolumeClaim) -> Self {
        let spec = &old.spec;
        let strict = LabelSelectorOptions::default();
        let faults = meta::validate_label_selector(spec.selector.as_deref(), strict, &Path::NIL);
        Self {
            allow_invalid_label_values: !faults.is_empty(),
            allow_invalid_api_group: spec
                .data_source
                .as_ref()
                .is_some_and(|source| source.api_group.is_some())
                || spec
                    .data_source_ref
                    .as_ref()
                    .is_some_and(|source| source.api_group.is_some()),
        }
    }
}

/// Checks a claim by itself.
#[must_use]
pub fn validate(claim: &PersistentVolumeClaim, options: Options) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = meta::validate_object_meta(&claim.metadata, true, rule, &Path::new("metadata"));
    errors.append(validate_spec(&claim.spec, &Path::new("spec"), options));
    errors
}

/// Checks the access modes of a claim or a volume, except that there are any.
pub(crate) fn validate_access_modes(modes: &[String], path: &Path<'_>, errors: &mut ErrorList) {
    let supported = |mode: &&String| ACCESS_MODES.contains(&mode.as_str());
    for mode in modes.iter().filter(|mode| !supported(mode)) {
        errors.push(Error::not_supported(path, named(mode), &ACCESS_MODES));
    }
    let one_pod = |mode: &&String| *mode == "ReadWriteOncePod";
    if modes.iter().any(|mode| one_pod(&mode)) && modes.iter().filter(supported).any(|mode| !one_pod(&mode)) {
        errors.push(Error::forbidden(
            path,
            "may not use ReadWriteOncePod with other access modes",
        ));
    }
}

/// Checks a claim's spec, which templates have too.
#[must_use]
pub fn validate_spec(spec: &PersistentVolumeClaimSpec, path: &Path<'_>, options: Options) -> ErrorList {
    let mut errors = ErrorList::new();
    let modes = path.child("accessModes");
    if spec.access_modes.is_empty() {
        errors.push(Error::required(&modes, "at least 1 access mode is required"));
    }
    if spec.selector.is_some() {
        let selector_options = LabelSelectorOptions {
            allow_invalid_label_values: options.allow_invalid_label_values,
            ..LabelSelectorOptions::default()
        };
        errors.append(meta::validate_label_selector(
            spec.selector.as_deref(),
            selector_options,
            &path.child("selector"),
        ));
    }
    validate_access_modes(&spec.access_modes, &modes, &mut errors);
    validate_size(spec, path, &mut errors);
    if let Some(class) = spec.storage_class_name.as_ref().filter(|class| !class.is_empty()) {
        errors.invalid_each(&path.child("storageClassName"), class, names::dns1123_subdomain(class));
    }
    if let Some(mode) = &spec.volume_mode
        && !VOLUME_MODES.contains(&mode.as_str())
    {
        errors.push(Error::not_supported(
            &path.child("volumeMode"),
            named(mode),
            &VOLUME_MODES,
        ));
    }
    validate_data_sources(spec, path, options, &mut errors);
    if let Some(class) = spec
        .volume_attributes_class_name
        .as_ref()
        .filter(|class| !class.is_empty())
    {
        errors.invalid_each(
            &path.child("volumeAttributesClassName"),
            class,
            names::dns1123_subdomain(class),
        );
    }
    errors
}

fn validate_size(spec: &PersistentVolumeClaimSpec, path: &Path<'_>, errors: &mut ErrorList) {
    let list = path.child("resources");
    let path = list.key("storage");
    match spec.resources.requests.get("storage") {
        None => errors.push(Error::required(&path, "")),
        Some(size) => errors.append(validate_positive(size, &path)),
    }
}

fn validate_data_sources(spec: &PersistentVolumeClaimSpec, path: &Path<'_>, options: Options, errors: &mut ErrorList) {
    let mut check = |name: &str, kind: &str, group: Option<&String>, path: Path<'_>| {
        for (value, field) in [(name, "name"), (kind, "kind")] {
            if value.is_empty() {
                errors.push(Error::required(&path.child(field), ""));
            }
        }
        let group = group.map_or("", String::as_str);
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(Error::invalid(&path, kind, detail));
        }
        if !group.is_empty() && !options.allow_invalid_api_group {
            errors.invalid_each(&path.child("apiGroup"), group, names::dns1123_subdomain(group));
        }
    };
    if let Some(source) = &spec.data_source {
        check(
            &source.name,
            &source.kind,
            source.api_group.as_ref(),
            path.child("dataSource"),
        );
    }
    let Some(reference) = &spec.data_source_ref else { return };
    let reference_path = path.child("dataSourceRef");
    check(
        &reference.name,
        &reference.kind,
        reference.api_group.as_ref(),
        reference_path,
    );
    let elsewhere = reference.namespace.as_ref().filter(|namespace| !namespace.is_empty());
    if let Some(namespace) = elsewhere {
        validate_namespace_name(namespace, &reference_path.child("namespace"), errors);
    }
    let Some(source) = &spec.data_source else { return };
    let fault = if elsewhere.is_some() {
        "may not be specified when dataSourceRef.namespace is specified"
    } else if source.api_group != reference.api_group || source.kind != reference.kind || source.name != reference.name
    {
        "must match dataSourceRef"
    } else {
        return;
    };
    // What is shown is a path, of which JSON knows no member.
    errors.push(Error::invalid(path, BadValue::plain("{}"), fault));
}
