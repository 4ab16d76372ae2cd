//! What an ingress must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::{NameCheck, NameRule, validate_object_meta, validate_object_meta_update};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::networking::v1::{Ingress, IngressBackend, IngressRule, IngressSpec, IngressTLS};

use super::{CLASS_ANNOTATION, backend, paths};
use crate::common::{METADATA, SPEC};

/// What is let through, mostly because it is there already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// Names of secrets that no secret can have.
    secret_names: bool,
    /// Anything for hosts with a wildcard.
    wildcard_rules: bool,
    /// Names of services that begin with a digit.
    pub(super) relaxed_service_names: bool,
}

impl Options {
    fn new(old: Option<&Ingress>, gates: &FeatureGates) -> Self {
        let old = old.map(|old| &old.spec);
        Self {
            secret_names: old.is_some_and(|old| old.tls.iter().any(has_invalid_secret_name)),
            wildcard_rules: old.is_some_and(|old| old.rules.iter().any(is_invalid_wildcard_rule)),
            relaxed_service_names: gates.enabled(Feature::RelaxedServiceNameValidation)
                || old.is_some_and(has_relaxed_service_name),
        }
    }
}

/// Every fault of a new ingress.
#[must_use]
pub fn validate(ingress: &Ingress, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_ingress(ingress, Options::new(None, gates));
    let annotated = ingress.metadata.annotations.get(CLASS_ANNOTATION);
    if let (Some(annotated), Some(name)) = (annotated, &ingress.spec.ingress_class_name)
        && annotated != name
    {
        let annotations = Path::new("annotations");
        let detail = "must match `ingressClassName` when both are specified";
        errors.push(Error::invalid(&annotations.child(CLASS_ANNOTATION), annotated, detail));
    }
    errors
}

/// Every fault of a changed ingress.
#[must_use]
pub fn validate_update(new: &Ingress, old: &Ingress, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errors.append(validate_ingress(new, Options::new(Some(old), gates)));
    errors
}

fn validate_ingress(ingress: &Ingress, options: Options) -> ErrorList {
    let mut errors = validate_object_meta(&ingress.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&ingress.spec, options, &mut errors);
    errors
}

fn validate_spec(spec: &IngressSpec, options: Options, errors: &mut ErrorList) {
    if spec.rules.is_empty() && spec.default_backend.is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(Error::invalid(&SPEC, BadValue::plain("null"), detail));
    }
    if let Some(default) = &spec.default_backend {
        backend::validate(default, options, &SPEC.child("defaultBackend"), errors);
    }
    let rules = SPEC.child("rules");
    for (index, rule) in spec.rules.iter().enumerate() {
        validate_rule(rule, options, &rules.index(index), errors);
    }
    let list = SPEC.child("tls");
    for (index, tls) in spec.tls.iter().enumerate() {
        validate_tls(tls, options, &list.index(index), errors);
    }
    if let Some(name) = &spec.ingress_class_name {
        let path = SPEC.child("ingressClassName");
        errors.invalid_each(&path, name, names::dns1123_subdomain(name));
    }
}

fn validate_tls(tls: &IngressTLS, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let hosts = path.child("hosts");
    for (index, host) in tls.hosts.iter().enumerate() {
        errors.invalid_each(&hosts.index(index), host, host_messages(host));
    }
    if !options.secret_names && !tls.secret_name.is_empty() {
        let name = &tls.secret_name;
        errors.invalid_each(&path.child("secretName"), name, names::dns1123_subdomain(name));
    }
}

fn is_wildcard(host: &str) -> bool {
    host.contains('*')
}

fn host_messages(host: &str) -> names::Messages {
    if is_wildcard(host) {
        names::wildcard_dns1123_subdomain(host)
    } else {
        names::dns1123_subdomain(host)
    }
}

fn validate_rule(rule: &IngressRule, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let host = &rule.host;
    if !host.is_empty() {
        let path = path.child("host");
        if names::parse_ip_sloppy(host).is_some() {
            errors.push(Error::invalid(&path, host, "must be a DNS name, not an IP address"));
        }
        errors.invalid_each(&path, host, host_messages(host));
    }
    if !(is_wildcard(host) && options.wildcard_rules) {
        validate_rule_value(rule, options, path, errors);
    }
}

fn validate_rule_value(rule: &IngressRule, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let Some(http) = &rule.http else {
        return;
    };
    let path = path.child("http.paths");
    if http.paths.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    for (index, one) in http.paths.iter().enumerate() {
        paths::validate(one, options, &path.index(index), errors);
    }
}

fn has_invalid_secret_name(tls: &IngressTLS) -> bool {
    !tls.secret_name.is_empty() && !names::dns1123_subdomain(&tls.secret_name).is_empty()
}

fn is_invalid_wildcard_rule(rule: &IngressRule) -> bool {
    let mut errors = ErrorList::new();
    if is_wildcard(&rule.host) {
        validate_rule_value(rule, Options::default(), &SPEC, &mut errors);
    }
    !errors.is_empty()
}

/// Whether a backend names a service that begins with a digit.
fn has_relaxed_service_name(spec: &IngressSpec) -> bool {
    let relaxed = |backend: &IngressBackend| {
        backend.service.as_ref().is_some_and(|service| {
            let faults = |rule: NameRule| !rule.check(&service.name, false).is_empty();
            !faults(NameRule::Dns1123Label) && faults(NameRule::Dns1035Label)
        })
    };
    let http = spec.rules.iter().filter_map(|rule| rule.http.as_ref());
    let backends = http.flat_map(|http| &http.paths).map(|path| &path.backend);
    spec.default_backend.as_deref().is_some_and(relaxed) || backends.into_iter().any(relaxed)
}
