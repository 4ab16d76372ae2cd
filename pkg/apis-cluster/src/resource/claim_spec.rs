//! What a claim asks for; claims, templates and classes share most of it.

use std::collections::{BTreeMap, BTreeSet};

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names as formats,
};
use k8s_api::{
    primitives::RawExtension,
    resource::v1::{
        DeviceClaim, DeviceConstraint, DeviceRequest, DeviceSelector, DeviceToleration, OpaqueDeviceConfiguration,
        ResourceClaimSpec,
    },
};

use super::{names, set, taints};
use crate::common;

pub(super) const MAX_REQUESTS: usize = 32;
pub(super) const MAX_CONFIG: usize = 32;
const MAX_CONSTRAINTS: usize = 32;
const MAX_SELECTORS: usize = 32;
const MAX_ALTERNATIVES: usize = 8;
const MAX_EXPRESSION: usize = 10 * 1024;
const MAX_PARAMETERS: usize = 10 * 1024;

/// The names of requests, with those of their alternatives.
#[derive(Debug, Default)]
pub(super) struct RequestNames<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> RequestNames<'a> {
    pub(super) fn of(claim: &'a DeviceClaim) -> Self {
        let alternatives =
            |request: &'a DeviceRequest| request.first_available.iter().map(|one| one.name.as_str()).collect();
        let requests = claim.requests.iter();
        Self(
            requests
                .map(|request| (request.name.as_str(), alternatives(request)))
                .collect(),
        )
    }

    fn contains(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => self.0.contains_key(name),
            Some((name, alternative)) => self.0.get(name).is_some_and(|names| names.contains(alternative)),
        }
    }

    /// Every fault of a reference to a request.
    pub(super) fn validate(&self, name: &str, path: &Path<'_>) -> ErrorList {
        let detail =
            "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
        let mut errors = ErrorList::new();
        if name.matches('/').count() < 2 {
            for part in name.split('/') {
                errors.append(names::validate_label(part, path));
            }
        }
        if !self.contains(name) {
            errors.push(Error::invalid(path, name, detail));
        }
        errors
    }

    /// Every fault of a list of references.
    pub(super) fn validate_list(&self, list: &[String], path: &Path<'_>) -> ErrorList {
        let item = |name: &String, path: &Path<'_>| self.validate(name, path);
        set::validate_named(list, MAX_REQUESTS, path, item, |name| name)
    }
}

/// Every fault of a claim's spec. A `stored` one may have parameters longer than the limit.
pub(super) fn validate(spec: &ResourceClaimSpec, path: &Path<'_>) -> ErrorList {
    let path = path.child("devices");
    let claim = &spec.devices;
    let names = RequestNames::of(claim);
    let requests = path.child("requests");
    let mut errors = set::validate_named(&claim.requests, MAX_REQUESTS, &requests, validate_request, |request| {
        &request.name
    });
    let constraints = path.child("constraints");
    errors.append(set::validate_list(
        &claim.constraints,
        MAX_CONSTRAINTS,
        &constraints,
        |constraint, path| validate_constraint(constraint, &names, path),
    ));
    errors.append(set::validate_list(
        &claim.config,
        MAX_CONFIG,
        &path.child("config"),
        |config, path| {
            let mut errors = names.validate_list(&config.requests, &path.child("requests"));
            errors.append(validate_configuration(config.opaque.as_deref(), false, path));
            errors
        },
    ));
    errors
}

fn validate_request(request: &DeviceRequest, path: &Path<'_>) -> ErrorList {
    let detail = "exactly one of `exactly` or `firstAvailable` is required";
    let mut errors = names::validate_label(&request.name, &path.child("name"));
    match (&request.exactly, request.first_available.is_empty()) {
        (None, true) => errors.push(Error::required(path, detail)),
        (Some(_), false) => {
            let detail = format!("{detail}, but multiple fields are set");
            errors.push(Error::invalid(path, BadValue::plain("null"), detail));
        }
        (Some(exactly), true) => {
            let asked = Asked {
                class: &exactly.device_class_name,
                selectors: &exactly.selectors,
                mode: &exactly.allocation_mode,
                count: exactly.count,
                tolerations: &exactly.tolerations,
            };
            errors.append(asked.validate(&path.child("exactly")));
        }
        (None, false) => {
            let list = path.child("firstAvailable");
            let alternatives = &request.first_available;
            errors.append(set::validate_named(
                alternatives,
                MAX_ALTERNATIVES,
                &list,
                |alternative, path| {
                    let mut errors = names::validate_label(&alternative.name, &path.child("name"));
                    let asked = Asked {
                        class: &alternative.device_class_name,
                        selectors: &alternative.selectors,
                        mode: &alternative.allocation_mode,
                        count: alternative.count,
                        tolerations: &alternative.tolerations,
                    };
                    errors.append(asked.validate(path));
                    errors
                },
                |alternative| &alternative.name,
            ));
        }
    }
    errors
}

/// What the one way of a request and each of several ways have in common.
struct Asked<'a> {
    class: &'a str,
    selectors: &'a [DeviceSelector],
    mode: &'a str,
    count: i64,
    tolerations: &'a [DeviceToleration],
}

impl Asked<'_> {
    fn validate(&self, path: &Path<'_>) -> ErrorList {
        let class = path.child("deviceClassName");
        let mut errors = if self.class.is_empty() {
            Error::required(&class, "").into()
        } else {
            common::invalid_each(&class, self.class, formats::dns1123_subdomain(self.class))
        };
        errors.append(validate_selectors(self.selectors, &path.child("selectors")));
        let count = path.child("count");
        match self.mode {
            "All" if self.count != 0 => {
                let detail = "must not be specified when allocationMode is 'All'";
                errors.push(Error::invalid(&count, self.count, detail));
            }
            "ExactCount" if self.count <= 0 => {
                errors.push(Error::invalid(&count, self.count, "must be greater than zero"));
            }
            "All" | "ExactCount" => {}
            other => {
                let mode = path.child("allocationMode");
                errors.push(Error::not_supported(&mode, other, &["All", "ExactCount"]));
            }
        }
        errors.append(taints::validate_tolerations(self.tolerations, path));
        errors
    }
}

pub(super) fn validate_selectors(selectors: &[DeviceSelector], path: &Path<'_>) -> ErrorList {
    set::validate_list(selectors, MAX_SELECTORS, path, |selector, path| {
        let path = path.child("cel");
        match &selector.cel {
            None => Error::required(&path, "").into(),
            Some(cel) if cel.expression.len() > MAX_EXPRESSION => {
                Error::too_long(&path.child("expression"), MAX_EXPRESSION).into()
            }
            Some(_) => ErrorList::new(),
        }
    })
}

fn validate_constraint(constraint: &DeviceConstraint, names: &RequestNames<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = names.validate_list(&constraint.requests, &path.child("requests"));
    match (&constraint.match_attribute, &constraint.distinct_attribute) {
        (Some(name), _) => errors.append(names::validate_fully_qualified(name, &path.child("matchAttribute"))),
        (None, Some(name)) => {
            errors.append(names::validate_fully_qualified(name, &path.child("distinctAttribute")));
        }
        (None, None) => {
            let detail =
                "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set";
            errors.push(Error::required(path, detail));
        }
    }
    errors
}

/// Every fault of a driver's configuration. Parameters that are `stored` may be longer than the limit.
pub(super) fn validate_configuration(
    opaque: Option<&OpaqueDeviceConfiguration>,
    stored: bool,
    path: &Path<'_>,
) -> ErrorList {
    let path = path.child("opaque");
    let Some(opaque) = opaque else {
        return Error::required(&path, "").into();
    };
    let mut errors = common::driver_name(&path.child("driver"), &opaque.driver);
    let most = if stored { usize::MAX } else { MAX_PARAMETERS };
    errors.append(validate_raw(
        opaque.parameters.as_ref(),
        most,
        &path.child("parameters"),
    ));
    errors
}

/// A JSON object of at most `most` bytes.
pub(super) fn validate_raw(raw: Option<&RawExtension>, most: usize, path: &Path<'_>) -> ErrorList {
    let text = raw.map_or("", |raw| raw.as_str().trim_start());
    if text.is_empty() || text == "null" {
        return Error::required(path, "").into();
    }
    if text.len() > most {
        return Error::too_long(path, most).into();
    }
    if !text.starts_with('{') {
        return Error::invalid(path, "<value omitted>", "must be a valid JSON object").into();
    }
    ErrorList::new()
}
