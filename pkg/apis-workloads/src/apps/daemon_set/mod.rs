//! Daemon sets.
//!
//! The generation of the template, a field of versions that are gone, lives on in an annotation that
//! every daemon set carries and only the server writes.

mod defaults;
#[cfg(test)]
mod tests;
mod validation;

use k8s_api::apps::v1::DaemonSet;

use crate::common::{SPEC, template::template_warnings};

pub use defaults::set_defaults;
pub use validation::{validate, validate_status_update, validate_update};

/// The annotation that counts the changes of the template.
pub const TEMPLATE_GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// How often the template changed; 0 when nothing says so.
#[must_use]
pub fn template_generation(daemon_set: &DaemonSet) -> i64 {
    let generation = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION_ANNOTATION);
    generation.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Writes the annotation.
pub fn set_template_generation(daemon_set: &mut DaemonSet, generation: i64) {
    let annotations = &mut daemon_set.metadata.annotations;
    annotations.insert(TEMPLATE_GENERATION_ANNOTATION, generation.to_string());
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(daemon_set: &DaemonSet) -> Vec<String> {
    template_warnings(&SPEC.child("template"), &daemon_set.spec.template)
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &DaemonSet, old: &DaemonSet) -> Vec<String> {
    if template_generation(new) == template_generation(old) {
        return Vec::new();
    }
    template_warnings(&SPEC.child("template"), &new.spec.template)
}
