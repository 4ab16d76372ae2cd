//! Projected volumes: several sources in one directory.

use std::collections::HashSet;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names::{self, Messages},
};
use k8s_api::{
    core::v1::{
        ClusterTrustBundleProjection, KeyToPath, PodCertificateProjection, PodSpec, ProjectedVolumeSource,
        ServiceAccountTokenProjection, Volume, VolumeProjection,
    },
    primitives::quote,
};

use super::{
    super::super::PodValidationOptions,
    sources::{validate_downward_file, validate_item},
    validate_mode,
};
use crate::{
    go_view,
    meta::{
        LabelSelectorOptions, NameCheck as _, NameRule, TOTAL_ANNOTATION_SIZE_LIMIT, validate_annotations_size,
        validate_label_selector,
    },
    rules::{invalid_each, non_reserved_path, one_of, qualified_name, required},
};

const CONFLICT: &str = "conflicting duplicate paths";
const KEY_TYPES: [&str; 6] = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
const MIN_TOKEN_SECONDS: i64 = 10 * 60;
const MAX_TOKEN_SECONDS: i64 = 1 << 32;
const MIN_CERTIFICATE_SECONDS: i32 = 3600;
const MAX_CERTIFICATE_SECONDS: i32 = 91 * 24 * 60 * 60;
const MAX_KUBERNETES_CERTIFICATE_SECONDS: i32 = 24 * 60 * 60;

/// The sources of one volume, whose paths must differ.
struct Sources<'a> {
    paths: HashSet<&'a str>,
    errors: ErrorList,
    volume: &'a Path<'a>,
}

impl<'a> Sources<'a> {
    /// Takes a path; `shown` is the value of the error if it is taken.
    fn take(&mut self, path: &'a str, shown: &str) {
        if !self.paths.insert(path) {
            self.errors.push(Error::invalid(self.volume, shown, CONFLICT));
        }
    }

    fn items(&mut self, name: &str, items: &'a [KeyToPath], path: &Path<'_>) {
        self.errors.extend(required(&path.child("name"), name));
        let items_path = path.child("items");
        for (index, item) in items.iter().enumerate() {
            self.errors.append(validate_item(item, &items_path.index(index)));
            if !item.path.is_empty() {
                self.take(&item.path, name);
            }
        }
    }
}

pub(super) fn validate_projected(
    projected: &ProjectedVolumeSource,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut sources = Sources {
        paths: HashSet::new(),
        errors: validate_mode(projected.default_mode, &path.child("defaultMode"))
            .into_iter()
            .collect(),
        volume: path,
    };
    let list = path.child("sources");
    for (index, source) in projected.sources.iter().enumerate() {
        validate_projection(&mut sources, source, options, &list.index(index));
    }
    sources.errors
}

fn validate_projection<'a>(
    sources: &mut Sources<'a>,
    source: &'a VolumeProjection,
    options: &PodValidationOptions,
    path: &Path<'_>,
) {
    let mut count = 0;
    if let Some(secret) = &source.secret {
        count += 1;
        sources.items(&secret.name, &secret.items, &path.child("secret"));
    }
    if let Some(config_map) = &source.config_map {
        count += 1;
        sources.items(&config_map.name, &config_map.items, &path.child("configMap"));
    }
    if let Some(downward) = &source.downward_api {
        count += 1;
        let path = path.child("downwardAPI");
        for file in &downward.items {
            sources.errors.append(validate_downward_file(file, &path));
            if !file.path.is_empty() {
                sources.take(&file.path, &file.path);
            }
        }
    }
    if let Some(token) = &source.service_account_token {
        count += 1;
        validate_token(sources, token, options, &path.child("serviceAccountToken"));
    }
    if let Some(bundle) = &source.cluster_trust_bundle {
        count += 1;
        validate_trust_bundle(sources, bundle, &path.child("clusterTrustBundle"));
    }
    if let Some(certificate) = &source.pod_certificate {
        count += 1;
        validate_certificate(sources, certificate, &path.child("podCertificate"));
    }
    if count > 1 {
        let detail = "may not specify more than 1 volume type per source";
        sources.errors.push(Error::forbidden(path, detail));
    }
}

fn validate_token(
    sources: &mut Sources<'_>,
    token: &ServiceAccountTokenProjection,
    options: &PodValidationOptions,
    path: &Path<'_>,
) {
    let seconds = token.expiration_seconds.unwrap_or_default();
    let fault = if seconds < MIN_TOKEN_SECONDS {
        Some("may not specify a duration less than 10 minutes")
    } else if seconds > MAX_TOKEN_SECONDS {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    let expiration = path.child("expirationSeconds");
    sources
        .errors
        .extend(fault.map(|fault| Error::invalid(&expiration, seconds, fault)));
    // The path of this member is that of the volume, as upstream has it.
    let token_path = sources.volume.child("path");
    if let Some(error) = required(&token_path, &token.path) {
        sources.errors.push(error);
    } else if !options.allow_non_local_token_paths {
        sources.errors.append(non_reserved_path(&token_path, &token.path));
    }
}

fn validate_trust_bundle<'a>(sources: &mut Sources<'a>, bundle: &'a ClusterTrustBundleProjection, path: &Path<'_>) {
    let errors = &mut sources.errors;
    let selector_path = path.child("labelSelector");
    match (&bundle.name, &bundle.signer_name) {
        (Some(_), Some(_)) => {
            let detail = "only one of name and signerName may be used";
            errors.push(Error::invalid(path, show_trust_bundle(bundle), detail));
        }
        (Some(name), None) => {
            let name_path = path.child("name");
            if name.is_empty() {
                errors.push(Error::required(&name_path, "must be a valid object name"));
            }
            let signer = name.rsplit_once(':').map(|(signer, _)| signer.replace(':', "/"));
            let messages = validate_trust_bundle_name(signer.as_deref().unwrap_or_default(), name, false);
            errors.extend(messages.into_iter().map(|message| {
                Error::invalid(
                    &name_path,
                    name,
                    format!("not a valid clustertrustbundlename: {message}"),
                )
            }));
            if let Some(selector) = &bundle.label_selector {
                let detail = "labelSelector must be unset if name is specified";
                errors.push(Error::invalid(
                    &selector_path,
                    go_view::label_selector(selector),
                    detail,
                ));
            }
        }
        (None, Some(signer)) => {
            let signer_path = path.child("signerName");
            if signer.is_empty() {
                errors.push(Error::required(&signer_path, "must be a valid signer name"));
            }
            errors.append(validate_signer_name(signer, &signer_path));
            errors.append(validate_label_selector(
                bundle.label_selector.as_deref(),
                LabelSelectorOptions::default(),
                &selector_path,
            ));
        }
        (None, None) => errors.push(Error::required(path, "either name or signerName must be specified")),
    }
    let path_path = path.child("path");
    errors.extend(required(&path_path, &bundle.path));
    errors.append(non_reserved_path(&path_path, &bundle.path));
    sources.take(&bundle.path, &bundle.path);
}

fn show_trust_bundle(bundle: &ClusterTrustBundleProjection) -> apimachinery::field::BadValue {
    let source = VolumeProjection {
        cluster_trust_bundle: Some(Box::new(bundle.clone())),
        ..VolumeProjection::default()
    };
    let volume = Volume {
        projected: Some(Box::new(ProjectedVolumeSource {
            sources: vec![source],
            ..ProjectedVolumeSource::default()
        })),
        ..Volume::default()
    };
    let spec = PodSpec {
        volumes: vec![volume],
        ..PodSpec::default()
    };
    let pointer = "/volumes/0/projected/sources/0/clusterTrustBundle";
    go_view::member_of(spec, pointer, "ClusterTrustBundleProjection")
}

fn validate_certificate<'a>(sources: &mut Sources<'a>, certificate: &'a PodCertificateProjection, path: &Path<'_>) {
    let errors = &mut sources.errors;
    errors.append(validate_signer_name(
        &certificate.signer_name,
        &path.child("signerName"),
    ));
    let annotations_path = path.child("userAnnotations");
    for key in certificate.user_annotations.keys() {
        errors.append(validate_domain_prefixed_key(&key.to_lowercase(), &annotations_path));
    }
    if validate_annotations_size(&certificate.user_annotations).is_err() {
        errors.push(Error::too_long(&annotations_path, TOTAL_ANNOTATION_SIZE_LIMIT));
    }
    errors.extend(one_of(&path.child("keyType"), &certificate.key_type, &KEY_TYPES));
    if let Some(seconds) = certificate.max_expiration_seconds {
        let path = path.child("maxExpirationSeconds");
        if seconds < MIN_CERTIFICATE_SECONDS {
            let detail = "if provided, maxExpirationSeconds must be >= 3600";
            errors.push(Error::invalid(&path, seconds, detail));
        }
        let most = if is_kubernetes_signer(&certificate.signer_name) {
            MAX_KUBERNETES_CERTIFICATE_SECONDS
        } else {
            MAX_CERTIFICATE_SECONDS
        };
        if seconds > most {
            let detail = format!("if provided, maxExpirationSeconds must be <= {most}");
            errors.push(Error::invalid(&path, seconds, detail));
        }
    }
    let mut none = true;
    for (name, value) in [
        ("credentialBundlePath", &certificate.credential_bundle_path),
        ("keyPath", &certificate.key_path),
        ("certificateChainPath", &certificate.certificate_chain_path),
    ] {
        if !value.is_empty() {
            none = false;
            sources.errors.append(non_reserved_path(&path.child(name), value));
            sources.take(value, value);
        }
    }
    if none {
        let detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        sources.errors.push(Error::required(path, detail));
    }
}

/// Whether the project keeps the signer for itself.
fn is_kubernetes_signer(name: &str) -> bool {
    let host = name.split_once('/').map_or(name, |(host, _)| host);
    host == "kubernetes.io" || host.ends_with(".kubernetes.io")
}

fn validate_domain_prefixed_key(key: &str, path: &Path<'_>) -> ErrorList {
    if let Some(error) = required(path, key) {
        return error.into();
    }
    let mut errors = qualified_name(path, key);
    if errors.is_empty() && !key.contains('/') {
        let detail = "must be a domain-prefixed key (such as \"acme.io/foo\")";
        errors.push(Error::invalid(path, key, detail));
    }
    errors
}

/// Checks the name of a signer: a domain of at least two labels, `/`, and one or more subdomains.
#[must_use]
pub fn validate_signer_name(name: &str, path: &Path<'_>) -> ErrorList {
    const MOST: usize = names::DNS_SUBDOMAIN_MAX_LENGTH;
    if let Some(error) = required(path, name) {
        return error.into();
    }
    let (domain, rest) = match name.split_once('/') {
        Some((domain, rest)) if !rest.contains('/') => (domain, rest),
        _ => {
            let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
            return Error::invalid(path, name, detail).into();
        }
    };
    let mut errors = ErrorList::new();
    if domain.len() > MOST {
        errors.push(Error::too_long(path, MOST));
    }
    let first_fault = |segment: &str, check: fn(&str) -> Messages| {
        let mut labels = segment.split('.').map(|label| (label, check(label)));
        let (label, messages) = labels.find(|(_, messages)| !messages.is_empty()).unwrap_or_default();
        let label = quote(label);
        let details = messages
            .iter()
            .map(|message| format!("validating label {label}: {message}"))
            .collect();
        invalid_each(path, segment, details)
    };
    errors.append(first_fault(domain, names::dns1123_label));
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(path, domain, detail));
    }
    errors.append(first_fault(rest, names::dns1123_subdomain));
    let most = MOST + (MOST + names::DNS_LABEL_MAX_LENGTH + 1) + 1;
    if name.len() > most {
        errors.push(Error::too_long(path, most));
    }
    errors
}

/// What is wrong with the name of a trust bundle: with a signer, it begins with the signer's name.
#[must_use]
pub fn validate_trust_bundle_name(signer: &str, name: &str, prefix: bool) -> Messages {
    if signer.is_empty() {
        if name.contains(':') {
            return vec![r#"ClusterTrustBundle without signer name must not have ":" in its name"#.into()];
        }
        return NameRule::Dns1123Subdomain.check(name, prefix);
    }
    let beginning = format!("{}:", signer.replace('/', ":"));
    match name.strip_prefix(&beginning) {
        Some(rest) => NameRule::Dns1123Subdomain.check(rest, prefix),
        None => vec![format!(
            "ClusterTrustBundle for signerName {signer} must be named with prefix {beginning}"
        )],
    }
}
