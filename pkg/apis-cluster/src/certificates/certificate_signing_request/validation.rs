//! What a request must be, and which endpoint may write which part of its status.
//!
//! Faults that the stored object already has are borne on update.

use std::collections::HashSet;

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::go_view::unified_diff;
use k8s_api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::request;
use crate::{certificates::pem, common, go};

/// Signers of the first API version that had no signer names; not for new requests.
const LEGACY_UNKNOWN_SIGNER: &str = "kubernetes.io/legacy-unknown";

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// What is borne, because it is there already or because the endpoint may do it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a rule of its own that is off or on"
)]
struct Options {
    set_approval: bool,
    set_certificate: bool,
    both_decisions: bool,
    legacy_signer: bool,
    repeated_types: bool,
    empty_types: bool,
    any_certificate: bool,
    repeated_usages: bool,
    unknown_usages: bool,
}

impl Options {
    fn for_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> Self {
        let conditions = &old.status.conditions;
        let has = |type_: &str| conditions.iter().any(|condition| condition.type_ == type_);
        let usages = &old.spec.usages;
        let certificate = &old.status.certificate;
        Self {
            both_decisions: has("Approved") && has("Denied"),
            legacy_signer: old.spec.signer_name == LEGACY_UNKNOWN_SIGNER,
            repeated_types: repeats(conditions.iter().map(|condition| &condition.type_)),
            empty_types: has(""),
            any_certificate: new.status.certificate == *certificate || certificate_fault(certificate).is_some(),
            repeated_usages: repeats(usages.iter()),
            unknown_usages: usages.iter().any(|usage| !USAGES.contains(&usage.as_str())),
            ..Self::default()
        }
    }
}

fn repeats<'a>(mut items: impl Iterator<Item = &'a String>) -> bool {
    let mut seen = HashSet::new();
    !items.all(|item| seen.insert(item))
}

/// Every fault of a new request.
#[must_use]
pub fn validate(csr: &CertificateSigningRequest) -> ErrorList {
    validate_with(csr, Options::default())
}

/// Every fault of an update of the object itself.
#[must_use]
pub fn validate_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    validate_update_with(new, old, Options::for_update(new, old))
}

/// Every fault of an update of `status`, through which the certificate is issued.
#[must_use]
pub fn validate_status_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    let options = Options {
        set_certificate: true,
        ..Options::for_update(new, old)
    };
    validate_update_with(new, old, options)
}

/// Every fault of an update of `approval`, through which the decision is made.
#[must_use]
pub fn validate_approval_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> ErrorList {
    let options = Options {
        set_approval: true,
        ..Options::for_update(new, old)
    };
    validate_update_with(new, old, options)
}

fn validate_with(csr: &CertificateSigningRequest, options: Options) -> ErrorList {
    let mut errors = common::object_meta(&csr.metadata, false, |_: &str, _: bool| Vec::new());
    let path = Path::new("spec");
    if let Err(fault) = request::check(csr) {
        let shown = csr.spec.request.to_base64();
        errors.push(Error::invalid(&path.child("request"), shown, fault.to_string()));
    }
    errors.append(validate_usages(&csr.spec, options));
    let signer = path.child("signerName");
    if !options.legacy_signer && csr.spec.signer_name == LEGACY_UNKNOWN_SIGNER {
        let detail = "the legacy signerName is not allowed via this API version";
        errors.push(Error::invalid(&signer, &csr.spec.signer_name, detail));
    } else {
        errors.append(common::signer_name(&signer, &csr.spec.signer_name));
    }
    if let Some(seconds) = csr.spec.expiration_seconds.filter(|seconds| *seconds < 600) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(Error::invalid(&path.child("expirationSeconds"), seconds, detail));
    }
    errors.append(validate_conditions(&csr.status.conditions, options));
    if !options.any_certificate
        && let Some(fault) = certificate_fault(&csr.status.certificate)
    {
        errors.push(Error::invalid(
            &Path::new("status.certificate"),
            "<certificate data>",
            fault,
        ));
    }
    errors
}

fn validate_usages(spec: &CertificateSigningRequestSpec, options: Options) -> ErrorList {
    let path = Path::new("spec.usages");
    let mut errors = ErrorList::new();
    if spec.usages.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    if !options.unknown_usages {
        for (at, usage) in spec.usages.iter().enumerate() {
            errors.extend(common::one_of(&path.index(at), usage, &USAGES));
        }
    }
    if !options.repeated_usages {
        let mut seen = HashSet::new();
        for (at, usage) in spec.usages.iter().enumerate() {
            if !seen.insert(usage) {
                errors.push(Error::duplicate(&path.index(at), usage));
            }
        }
    }
    errors
}

fn validate_conditions(conditions: &[CertificateSigningRequestCondition], options: Options) -> ErrorList {
    let list = Path::new("status.conditions");
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    let (mut approved, mut denied) = (false, false);
    for (at, condition) in conditions.iter().enumerate() {
        let path = list.index(at);
        let type_ = condition.type_.as_str();
        if !options.empty_types && type_.is_empty() {
            errors.push(Error::required(&path.child("type"), ""));
        }
        let statuses: &[&str] = match type_ {
            "Approved" | "Denied" | "Failed" => &["True"],
            _ => &["False", "True", "Unknown"],
        };
        let status = path.child("status");
        if condition.status.is_empty() {
            errors.push(Error::required(&status, ""));
        } else {
            errors.extend(common::one_of(&status, &condition.status, statuses));
        }
        if !options.both_decisions {
            approved |= type_ == "Approved";
            denied |= type_ == "Denied";
            if matches!(type_, "Approved" | "Denied") && approved && denied {
                let detail = "Approved and Denied conditions are mutually exclusive";
                errors.push(Error::invalid(&list, type_, detail));
            }
        }
        if !options.repeated_types && !seen.insert(type_) {
            errors.push(Error::duplicate(&path.child("type"), type_));
        }
    }
    errors
}

/// What is wrong with an issued certificate chain; nothing if there is none yet.
fn certificate_fault(pem_text: &[u8]) -> Option<String> {
    if pem_text.is_empty() {
        return None;
    }
    let mut rest = pem_text;
    let mut blocks = 0;
    while let Some((block, following)) = pem::decode(rest) {
        if block.label != "CERTIFICATE" {
            return Some(format!(
                "only CERTIFICATE PEM blocks are allowed, found {:?}",
                block.label
            ));
        }
        if block.has_headers {
            return Some("no PEM block headers are permitted".into());
        }
        blocks += 1;
        if block.data.is_empty() {
            return Some("found CERTIFICATE PEM block containing 0 certificates".into());
        }
        let mut der = block.data.as_slice();
        while !der.is_empty() {
            match X509Certificate::from_der(der) {
                Ok((rest, _)) => der = rest,
                Err(_) => return Some("x509: malformed certificate".into()),
            }
        }
        rest = following;
    }
    (blocks == 0).then(|| "must contain at least one CERTIFICATE PEM block".into())
}

type Conditions<'a> = Vec<&'a CertificateSigningRequestCondition>;

fn find<'a>(csr: &'a CertificateSigningRequest, type_: &str) -> Conditions<'a> {
    let conditions = csr.status.conditions.iter();
    conditions.filter(|condition| condition.type_ == type_).collect()
}

fn validate_update_with(
    new: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
    options: Options,
) -> ErrorList {
    let mut errors = validate_with(new, options);
    let path = Path::new("status.conditions");
    for type_ in ["Approved", "Denied", "Failed"] {
        if find(new, type_).len() < find(old, type_).len() {
            let detail = format!("updates may not remove a condition of type \"{type_}\"");
            errors.push(Error::forbidden(&path, detail));
        }
    }
    if !options.set_approval {
        for type_ in ["Approved", "Denied"] {
            let (before, after) = (find(old, type_), find(new, type_));
            if after.len() > before.len() {
                let detail = format!("updates may not add a condition of type \"{type_}\"");
                errors.push(Error::forbidden(&path, detail));
            } else if after.len() == before.len() && before != after {
                let diff = unified_diff(&go::pretty(&show(&before)), &go::pretty(&show(&after)));
                let detail = format!("updates may not modify a condition of type \"{type_}\"\n{diff}");
                errors.push(Error::forbidden(&path, detail));
            }
        }
    }
    if new.status.certificate != old.status.certificate {
        let path = Path::new("status.certificate");
        if !options.set_certificate {
            errors.push(Error::forbidden(&path, "updates may not set certificate content"));
        } else if !old.status.certificate.is_empty() {
            errors.push(Error::forbidden(
                &path,
                "updates may not modify existing certificate content",
            ));
        }
    }
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors
}

fn show(conditions: &[&CertificateSigningRequestCondition]) -> String {
    go::structs(conditions, |condition| {
        go::Struct::new()
            .field("Type", &condition.type_)
            .field("Status", &condition.status)
            .field("Reason", &condition.reason)
            .field("Message", &condition.message)
            .field("LastUpdateTime", &condition.last_update_time)
            .field("LastTransitionTime", &condition.last_transition_time)
            .end()
    })
}
