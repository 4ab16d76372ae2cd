//! `APIService`: one version of one group, served here or by another server.

#[cfg(test)]
mod tests;
mod validation;

use k8s_api::apiregistration::v1::APIService;

pub use validation::{validate, validate_status_update, validate_update};

/// Services are reached on the port of HTTPS.
pub fn set_defaults(service: &mut APIService) {
    if let Some(reference) = &mut service.spec.service {
        reference.port.get_or_insert(443);
    }
}
