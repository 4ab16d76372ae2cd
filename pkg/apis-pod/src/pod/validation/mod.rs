//! Validation of pods, pod templates, bindings and options of logs.

pub mod affinity;
pub(crate) mod annotations;
mod binding;
mod claims;
mod containers;
mod create;
mod env;
mod host;
mod mounts;
mod privileges;
mod probes;
mod resize;
pub(crate) mod security;
mod spec;
pub(crate) mod spread;
mod status;
mod template;
#[cfg(test)]
mod tests;
pub mod tolerations;
mod update;
pub mod volumes;
mod windows;

pub use annotations::validate_annotations as validate_pod_annotations;
pub use binding::{LogBounds, validate_binding, validate_log_options};
pub use create::validate_pod_create;
pub use privileges::validate_unprivileged;
pub use resize::validate_pod_resize;
pub use security::validate_app_armor;
pub use spec::validate_pod_spec;
pub use status::validate_pod_status_update;
pub use template::{validate_pod_template, validate_pod_template_update, validate_template_spec};
pub use tolerations::validate_tolerations;
pub use update::{validate_ephemeral_containers_update, validate_pod_update};
