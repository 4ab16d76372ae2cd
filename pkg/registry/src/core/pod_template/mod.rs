//! Stored templates of pods.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_pod::pod::set_pod_template_defaults;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::PodTemplateStrategy;

/// The resource `podtemplates`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    let templates = PodTemplateStrategy {
        allow_privileged: settings.allow_privileged,
    };
    Registration::new("podtemplates", templates, set_pod_template_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
