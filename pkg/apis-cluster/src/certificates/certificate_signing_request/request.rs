//! Reading the request, and recognising those that a kubelet makes for itself.

use k8s_api::certificates::v1::CertificateSigningRequest;
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

use crate::certificates::pem;

/// Why a request cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError(String);

impl std::fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for RequestError {}

fn error(text: impl Into<String>) -> RequestError {
    RequestError(text.into())
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The subject's common name; the last one if there are several.
    pub common_name: String,
    /// The subject's organizations.
    pub organizations: Vec<String>,
    /// Domains.
    pub dns_names: Vec<String>,
    /// Addresses, as bytes.
    pub ip_addresses: Vec<Vec<u8>>,
    /// Mail addresses.
    pub email_addresses: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
}

/// Reads `spec.request`.
///
/// # Errors
/// If it is no PEM block of the right type, or not a well-formed request.
pub fn parse(pem_text: &[u8]) -> Result<Parsed, RequestError> {
    with_request(pem_text, |request| Ok(parsed(request)))
}

/// Checks `spec.request` and that it is signed with its own key.
///
/// # Errors
/// If it cannot be read or the signature is wrong.
pub fn check(csr: &CertificateSigningRequest) -> Result<(), RequestError> {
    with_request(&csr.spec.request, |request| {
        request
            .verify_signature()
            .map_err(|_| error(signature_error(&request.signature_algorithm.algorithm.to_id_string())))
    })
}

fn signature_error(algorithm: &str) -> &'static str {
    match algorithm {
        oid if oid.starts_with("1.2.840.10045.4.") => "x509: ECDSA verification failure",
        oid if oid.starts_with("1.2.840.113549.1.1.") => "crypto/rsa: verification error",
        "1.3.101.112" => "x509: Ed25519 verification failure",
        _ => "x509: cannot verify signature: algorithm unimplemented",
    }
}

fn with_request<T>(
    pem_text: &[u8],
    then: impl FnOnce(&X509CertificationRequest<'_>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    let block = pem::decode(pem_text).map(|(block, _)| block);
    let block = block
        .filter(|block| block.label == "CERTIFICATE REQUEST")
        .ok_or_else(|| error("PEM block type must be CERTIFICATE REQUEST"))?;
    let (rest, request) = X509CertificationRequest::from_der(&block.data)
        .map_err(|fault| error(format!("asn1: structure error: {fault}")))?;
    if !rest.is_empty() {
        return Err(error("asn1: syntax error: trailing data"));
    }
    then(&request)
}

fn parsed(request: &X509CertificationRequest<'_>) -> Parsed {
    let subject = &request.certification_request_info.subject;
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().unwrap_or_default().to_owned();
    let mut parsed = Parsed {
        common_name: subject.iter_common_name().last().map(text).unwrap_or_default(),
        organizations: subject.iter_organization().map(text).collect(),
        ..Parsed::default()
    };
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else {
            continue;
        };
        for name in &names.general_names {
            match name {
                GeneralName::DNSName(name) => parsed.dns_names.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => parsed.email_addresses.push((*name).to_owned()),
                GeneralName::URI(uri) => parsed.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => parsed.ip_addresses.push(bytes.to_vec()),
                _ => {}
            }
        }
    }
    parsed
}

fn same_set(usages: &[String], wanted: &[&str]) -> bool {
    wanted.iter().all(|usage| usages.iter().any(|other| other == usage))
        && usages.iter().all(|usage| wanted.contains(&usage.as_str()))
}

fn check_usages(usages: &[String], own: &str) -> Result<(), RequestError> {
    let mut with_encipherment = ["digital signature", "key encipherment", own];
    if same_set(usages, &with_encipherment) || same_set(usages, &["digital signature", own]) {
        return Ok(());
    }
    with_encipherment.sort_unstable();
    Err(error(format!("usages did not match [{}]", with_encipherment.join(" "))))
}

/// Whether a request is one for a kubelet's server.
///
/// # Errors
/// The first rule that is broken.
pub fn check_kubelet_serving(request: &Parsed, usages: &[String]) -> Result<(), RequestError> {
    if request.organizations != ["system:nodes"] {
        return Err(error("subject organization is not system:nodes"));
    }
    if request.dns_names.is_empty() && request.ip_addresses.is_empty() {
        return Err(error("DNS or IP subjectAltName is required"));
    }
    if !request.email_addresses.is_empty() {
        return Err(error("Email subjectAltNames are not allowed"));
    }
    if !request.uris.is_empty() {
        return Err(error("URI subjectAltNames are not allowed"));
    }
    check_usages(usages, "server auth")?;
    check_common_name(request)
}

fn check_common_name(request: &Parsed) -> Result<(), RequestError> {
    if request.common_name.starts_with("system:node:") {
        return Ok(());
    }
    Err(error("subject common name does not begin with system:node:"))
}

/// Whether a request is one for a kubelet as a client of the API server.
///
/// # Errors
/// The first rule that is broken.
pub fn check_kubelet_client(request: &Parsed, usages: &[String]) -> Result<(), RequestError> {
    if request.organizations != ["system:nodes"] {
        return Err(error("subject organization is not system:nodes"));
    }
    for (what, absent) in [
        ("DNS", request.dns_names.is_empty()),
        ("Email", request.email_addresses.is_empty()),
        ("IP", request.ip_addresses.is_empty()),
        ("URI", request.uris.is_empty()),
    ] {
        if !absent {
            return Err(error(format!("{what} subjectAltNames are not allowed")));
        }
    }
    check_common_name(request)?;
    check_usages(usages, "client auth")
}
