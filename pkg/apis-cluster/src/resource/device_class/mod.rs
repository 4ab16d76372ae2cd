//! `DeviceClass`: selectors and configuration that claims refer to by name.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::resource::v1::{DeviceClass, DeviceClassSpec};

use super::{claim_spec, set};
use crate::common;

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &DeviceClass) -> ErrorList {
    let mut errors = common::object_meta(&class.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(validate_spec(&class.spec, None));
    errors
}

/// Every fault of an update; configuration that stays may be longer than the limit.
#[must_use]
pub fn validate_update(new: &DeviceClass, old: &DeviceClass) -> ErrorList {
    let mut errors = common::object_meta(&new.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors.append(validate_spec(&new.spec, Some(&old.spec)));
    errors
}

fn validate_spec(spec: &DeviceClassSpec, old: Option<&DeviceClassSpec>) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = claim_spec::validate_selectors(&spec.selectors, &path.child("selectors"));
    let stored = old.is_some_and(|old| old.config == spec.config);
    let config = path.child("config");
    errors.append(set::validate_list(
        &spec.config,
        claim_spec::MAX_CONFIG,
        &config,
        |config, path| claim_spec::validate_configuration(config.opaque.as_deref(), stored, path),
    ));
    if let Some(name) = spec
        .extended_resource_name
        .as_ref()
        .filter(|name| !apis_pod::resources::is_extended(name))
    {
        let detail = "must be a valid extended resource name";
        errors.push(Error::invalid(&path.child("extendedResourceName"), name, detail));
    }
    errors
}
