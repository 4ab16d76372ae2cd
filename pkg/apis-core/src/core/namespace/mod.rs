//! Namespaces: the label with their name, spec finalizers, and the phase that follows from deletion.

#[cfg(test)]
mod tests;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::Namespace;

use crate::{
    go_value::named,
    meta::{self, NameRule},
};

/// The label that holds a namespace's name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The spec finalizer that every namespace starts with; the namespace controller removes it.
pub const KUBERNETES_FINALIZER: &str = "kubernetes";
/// The phase of a namespace that is not being deleted.
pub const ACTIVE: &str = "Active";
/// The phase of a namespace that is.
pub const TERMINATING: &str = "Terminating";

/// Sets the defaults of a namespace. What has no name yet is labelled by [`set_name_label`] later.
pub fn set_defaults(namespace: &mut Namespace) {
    if !namespace.metadata.name.is_empty() {
        set_name_label(namespace);
    }
    if namespace.status.phase.is_empty() {
        ACTIVE.clone_into(&mut namespace.status.phase);
    }
}

/// Labels a namespace with its name.
pub fn set_name_label(namespace: &mut Namespace) {
    let metadata = &mut namespace.metadata;
    if metadata.labels.get(NAME_LABEL) != Some(&metadata.name) {
        metadata.labels.insert(NAME_LABEL, metadata.name.clone());
    }
}

/// Checks a new namespace.
#[must_use]
pub fn validate(namespace: &Namespace) -> ErrorList {
    let rule = NameRule::Dns1123Label;
    let mut errors = meta::validate_object_meta(&namespace.metadata, false, rule, &Path::new("metadata"));
    let path = Path::new("spec.finalizers");
    for finalizer in &namespace.spec.finalizers {
        errors.append(meta::validate_finalizer_name(finalizer, &path));
    }
    errors
}

/// Checks an update of a namespace.
#[must_use]
pub fn validate_update(namespace: &Namespace, old: &Namespace) -> ErrorList {
    let mut errors = validate(namespace);
    errors.append(validate_metadata(namespace, old));
    errors
}

fn validate_metadata(namespace: &Namespace, old: &Namespace) -> ErrorList {
    meta::validate_object_meta_update(&namespace.metadata, &old.metadata, &Path::new("metadata"))
}

/// Checks an update of a namespace's status.
#[must_use]
pub fn validate_status_update(namespace: &Namespace, old: &Namespace) -> ErrorList {
    let mut errors = validate_metadata(namespace, old);
    let (phase, condition) = if namespace.metadata.deletion_timestamp.is_none() {
        (ACTIVE, "empty")
    } else {
        (TERMINATING, "not empty")
    };
    if namespace.status.phase != phase {
        errors.push(Error::invalid(
            &Path::new("status.Phase"),
            named(&namespace.status.phase),
            format!("may only be '{phase}' if `deletionTimestamp` is {condition}"),
        ));
    }
    errors
}

/// Checks an update of a namespace's spec finalizers.
#[must_use]
pub fn validate_finalize_update(namespace: &Namespace, old: &Namespace) -> ErrorList {
    let mut errors = validate_metadata(namespace, old);
    let path = Path::new("spec.finalizers");
    for (index, finalizer) in namespace.spec.finalizers.iter().enumerate() {
        errors.append(meta::validate_finalizer_name(finalizer, &path.index(index)));
    }
    errors
}
