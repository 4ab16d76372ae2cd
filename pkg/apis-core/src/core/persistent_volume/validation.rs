//! Rules of a volume by itself.

use crate::shared::{validate_basic, validate_positive};
use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::pod::validation::affinity::validate_node_selector;
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity};

use super::{MOUNT_OPTIONS_ANNOTATION, RECYCLE, RETAIN, sources};
use crate::{
    core::persistent_volume_claim::{FILESYSTEM, VOLUME_MODES, validate_access_modes},
    go_value::{GoValue, named},
    meta::{self, NameRule},
};

const RECLAIM_POLICIES: [&str; 3] = ["Delete", RECYCLE, RETAIN];
const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

/// What is let through that a new volume could not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Label values in the node affinity that no label can have.
    pub allow_invalid_label_values: bool,
}

impl Options {
    /// What an update of `old` may keep.
    #[must_use]
    pub fn for_update(old: &PersistentVolume) -> Self {
        let required = old
            .spec
            .node_affinity
            .as_ref()
            .and_then(|affinity| affinity.required.as_ref());
        let terms = required.map_or(&[][..], |required| &required.node_selector_terms);
        let mut values = terms
            .iter()
            .flat_map(|term| &term.match_expressions)
            .flat_map(|expression| &expression.values);
        Self {
            allow_invalid_label_values: values.any(|value| !names::label_value(value).is_empty()),
        }
    }
}

/// Checks a volume by itself, except for what its plugin has to say ([`validate_mount_options`]).
fn validate_object(volume: &PersistentVolume, options: Options) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = meta::validate_object_meta(&volume.metadata, false, rule, &Path::new("metadata"));
    validate_spec(
        &volume.spec,
        &volume.metadata.name,
        false,
        &Path::new("spec"),
        options,
        &mut errors,
    );
    errors
}

/// Checks a new volume.
#[must_use]
pub fn validate(volume: &PersistentVolume) -> ErrorList {
    let mut errors = validate_object(volume, Options::default());
    errors.extend(validate_mount_options(volume));
    errors
}

/// As an update finds them: the volume's own faults stand before and after those of its plugin.
pub(super) fn validate_updated(volume: &PersistentVolume, options: Options) -> ErrorList {
    let mut errors = validate_object(volume, options);
    let again = errors.clone();
    errors.extend(validate_mount_options(volume));
    errors.append(again);
    errors
}

/// Most kinds of volumes cannot be given mount options by annotation.
fn validate_mount_options(volume: &PersistentVolume) -> Option<Error> {
    let spec = &volume.spec;
    let supported = spec.gce_persistent_disk.is_some()
        || spec.aws_elastic_block_store.is_some()
        || spec.glusterfs.is_some()
        || spec.nfs.is_some()
        || spec.rbd.is_some()
        || spec.quobyte.is_some()
        || spec.iscsi.is_some()
        || spec.cinder.is_some()
        || spec.cephfs.is_some()
        || spec.azure_file.is_some()
        || spec.vsphere_volume.is_some()
        || spec.azure_disk.is_some()
        || spec.photon_persistent_disk.is_some();
    (!supported && volume.metadata.annotations.contains_key(MOUNT_OPTIONS_ANNOTATION)).then(|| {
        Error::forbidden(
            &Path::new("metadata.annotations").child(MOUNT_OPTIONS_ANNOTATION),
            "may not specify mount options for this volume type",
        )
    })
}

/// Checks a spec that stands in another object (a volume attachment) instead of in a volume.
#[must_use]
pub fn validate_inline_spec(spec: &PersistentVolumeSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.claim_ref.is_some() {
        errors.push(Error::forbidden(&path.child("claimRef"), NOT_INLINE));
    }
    if !spec.capacity.is_empty() {
        errors.push(Error::forbidden(&path.child("capacity"), NOT_INLINE));
    }
    if spec.csi.is_none() {
        let detail = "has to be specified in the context of inline volumes";
        errors.push(Error::required(&path.child("csi"), detail));
    }
    validate_spec(spec, "", true, path, Options::default(), &mut errors);
    errors
}

fn validate_spec(
    spec: &PersistentVolumeSpec,
    name: &str,
    inline: bool,
    path: &Path<'_>,
    options: Options,
    errors: &mut ErrorList,
) {
    if spec.access_modes.is_empty() {
        errors.push(Error::required(&path.child("accessModes"), ""));
    }
    validate_access_modes(&spec.access_modes, &path.child("accessModes"), errors);
    if !inline {
        validate_capacity(spec, &path.child("capacity"), errors);
    }
    validate_reclaim_policy(spec, inline, path, errors);
    if let Some(affinity) = &spec.node_affinity {
        let path = path.child("nodeAffinity");
        if inline {
            errors.push(Error::forbidden(&path, NOT_INLINE));
        } else {
            validate_node_affinity(affinity, options, &path, errors);
        }
    }
    sources::validate(spec, name, inline, path, errors);
    let of_root = spec.host_path.as_ref().is_some_and(|host| is_root(&host.path));
    if of_root && spec.persistent_volume_reclaim_policy == RECYCLE {
        let detail = "may not be 'recycle' for a hostPath mount of '/'";
        errors.push(Error::forbidden(&path.child("persistentVolumeReclaimPolicy"), detail));
    }
    validate_classes_and_mode(spec, inline, path, errors);
}

/// Whether a path without its `.` and `..` is `/`.
fn is_root(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
    }
    path.starts_with('/') && depth == 0
}

fn validate_capacity(spec: &PersistentVolumeSpec, path: &Path<'_>, errors: &mut ErrorList) {
    let capacity = &spec.capacity;
    if capacity.is_empty() {
        errors.push(Error::required(path, ""));
    }
    if !capacity.contains_key("storage") || capacity.len() > 1 {
        let shown = if capacity.is_empty() {
            GoValue::Object(Vec::new())
        } else {
            capacity.into()
        };
        errors.push(Error::not_supported(path, shown.bad_value(), &["storage"]));
    }
    for (name, quantity) in capacity {
        let path = path.key(name);
        errors.append(validate_basic(quantity, &path));
        errors.append(validate_positive(quantity, &path));
    }
}

fn validate_reclaim_policy(spec: &PersistentVolumeSpec, inline: bool, path: &Path<'_>, errors: &mut ErrorList) {
    let path = path.child("persistentVolumeReclaimPolicy");
    match spec.persistent_volume_reclaim_policy.as_str() {
        "" | RETAIN => {}
        _ if inline => errors.push(Error::forbidden(
            &path,
            "may only be Retain in the context of inline volumes",
        )),
        policy if RECLAIM_POLICIES.contains(&policy) => {}
        policy => errors.push(Error::not_supported(&path, named(policy), &RECLAIM_POLICIES)),
    }
}

fn validate_classes_and_mode(spec: &PersistentVolumeSpec, inline: bool, path: &Path<'_>, errors: &mut ErrorList) {
    let class = spec.storage_class_name.as_str();
    if !class.is_empty() {
        let path = path.child("storageClassName");
        if inline {
            errors.push(Error::forbidden(&path, NOT_INLINE));
        } else {
            errors.invalid_each(&path, class, names::dns1123_subdomain(class));
        }
    }
    let mode_path = path.child("volumeMode");
    match spec.volume_mode.as_deref() {
        None | Some(FILESYSTEM) => {}
        Some(_) if inline => errors.push(Error::forbidden(
            &mode_path,
            "may not specify volumeMode other than Filesystem in the context of inline volumes",
        )),
        Some(mode) if VOLUME_MODES.contains(&mode) => {}
        Some(mode) => errors.push(Error::not_supported(&mode_path, named(mode), &VOLUME_MODES)),
    }
    let Some(class) = &spec.volume_attributes_class_name else {
        return;
    };
    let class_path = path.child("volumeAttributesClassName");
    if class.is_empty() {
        errors.push(Error::required(&class_path, "an empty string is disallowed"));
    } else {
        errors.invalid_each(&class_path, class, names::dns1123_subdomain(class));
    }
    if spec.csi.is_none() {
        let detail = "has to be specified when using volumeAttributesClassName";
        errors.push(Error::required(&path.child("csi"), detail));
    }
}

fn validate_node_affinity(affinity: &VolumeNodeAffinity, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let path = path.child("required");
    match &affinity.required {
        None => errors.push(Error::required(&path, "must specify required node constraints")),
        Some(selector) => errors.append(validate_node_selector(
            selector,
            options.allow_invalid_label_values,
            &path,
        )),
    }
}
