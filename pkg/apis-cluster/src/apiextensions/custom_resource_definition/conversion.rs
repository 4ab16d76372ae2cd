//! How objects get from one version to another.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::apiextensions::v1::CustomResourceConversion;

use crate::common::webhook;

const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

fn is_recognized(version: &str) -> bool {
    REVIEW_VERSIONS.contains(&version)
}

/// Whether a stored conversion names a version that this server knows, or none at all.
pub(super) fn has_recognized_version(conversion: Option<&CustomResourceConversion>) -> bool {
    let webhook = conversion.and_then(|conversion| conversion.webhook.as_ref());
    let versions = webhook.map_or(&[][..], |webhook| &webhook.conversion_review_versions);
    versions.is_empty() || versions.iter().any(|version| is_recognized(version))
}

/// Whether a stored conversion has authorities that cannot be read.
pub(super) fn has_invalid_bundle(conversion: Option<&CustomResourceConversion>) -> bool {
    let webhook = conversion.and_then(|conversion| conversion.webhook.as_ref());
    let client = webhook.and_then(|webhook| webhook.client_config.as_ref());
    client.is_some_and(|client| !client.ca_bundle.is_empty() && webhook::ca_bundle_fault(&client.ca_bundle).is_some())
}

pub(super) fn validate(
    conversion: &CustomResourceConversion,
    require_recognized: bool,
    allow_invalid_bundle: bool,
) -> ErrorList {
    let path = Path::new("spec.conversion");
    let mut errors = ErrorList::new();
    let strategy = path.child("strategy");
    match conversion.strategy.as_str() {
        "" => errors.push(Error::required(&strategy, "")),
        "None" | "Webhook" => {}
        other => errors.push(Error::not_supported(&strategy, other, &["None", "Webhook"])),
    }
    let (client, versions) = (
        path.child("webhookClientConfig"),
        path.child("conversionReviewVersions"),
    );
    let webhook = conversion.webhook.as_deref();
    let config = webhook.and_then(|webhook| webhook.client_config.as_deref());
    let review = webhook.map_or(&[][..], |webhook| &webhook.conversion_review_versions);
    if conversion.strategy != "Webhook" {
        let detail = "should not be set when strategy is not set to Webhook";
        if config.is_some() {
            errors.push(Error::forbidden(&client, detail));
        }
        if !review.is_empty() {
            errors.push(Error::forbidden(&versions, detail));
        }
        return errors;
    }
    if let Some(config) = config {
        let service = config.service.as_deref().map(|service| webhook::Service {
            namespace: &service.namespace,
            name: &service.name,
            path: service.path.as_deref(),
            port: service.port,
        });
        errors.append(webhook::validate_client_config(&client, config.url.as_deref(), service));
        if !config.ca_bundle.is_empty()
            && !allow_invalid_bundle
            && let Some(fault) = webhook::ca_bundle_fault(&config.ca_bundle)
        {
            errors.push(Error::invalid(
                &client.child("caBundle"),
                config.ca_bundle.to_base64(),
                fault,
            ));
        }
    } else {
        errors.push(Error::required(&client, "required when strategy is set to Webhook"));
    }
    errors.append(validate_versions(review, require_recognized, &versions));
    errors
}

fn validate_versions(versions: &[String], require_recognized: bool, path: &Path<'_>) -> ErrorList {
    if versions.is_empty() {
        return Error::required(path, "").into();
    }
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (at, version) in versions.iter().enumerate() {
        let path = path.index(at);
        if seen.insert(version) {
            errors.invalid_each(&path, version, names::dns1035_label(version));
        } else {
            errors.push(Error::invalid(&path, version, "duplicate version"));
        }
    }
    if require_recognized && !versions.iter().any(|version| is_recognized(version)) {
        let detail = format!("must include at least one of {}", REVIEW_VERSIONS.join(", "));
        errors.push(Error::invalid(path, BadValue::json(&versions), detail));
    }
    errors
}
