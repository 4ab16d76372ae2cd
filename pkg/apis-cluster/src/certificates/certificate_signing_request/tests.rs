//! Which faults are found in requests, and who may write which part of the status.

use apimachinery::field::ErrorList;
use k8s_api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};
use rcgen::{CertificateParams, DnType, KeyPair};

use super::*;

fn pem(common_name: &str, organization: &str) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.distinguished_name.push(DnType::OrganizationName, organization);
    let key = KeyPair::generate().expect("a key can be made");
    let request = params.serialize_request(&key).expect("a request can be signed");
    request.pem().expect("a request has a text form")
}

fn csr() -> CertificateSigningRequest {
    let mut csr = CertificateSigningRequest::default();
    csr.metadata.name = "c".into();
    csr.metadata.resource_version = "1".into();
    csr.spec.request = pem("system:node:n", "system:nodes").into_bytes().into();
    csr.spec.signer_name = "example.com/s".into();
    csr.spec.usages = vec!["client auth".into(), "digital signature".into()];
    csr
}

fn with(mut csr: CertificateSigningRequest, conditions: &[(&str, &str)]) -> CertificateSigningRequest {
    csr.status.conditions = conditions
        .iter()
        .map(|(type_, status)| CertificateSigningRequestCondition {
            type_: (*type_).into(),
            status: (*status).into(),
            ..CertificateSigningRequestCondition::default()
        })
        .collect();
    csr
}

fn check(errors: &ErrorList, expected: &str) {
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn requests() {
    check(&validate(&csr()), "");
    let mut bad = csr();
    bad.spec.request = b"x".to_vec().into();
    bad.spec.usages = vec!["flying".into()];
    bad.spec.expiration_seconds = Some(599);
    bad.spec.signer_name = "kubernetes.io/legacy-unknown".into();
    let errors = validate(&bad);
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[0],
        "spec.request: Invalid value: \"eA==\": PEM block type must be CERTIFICATE REQUEST"
    );
    assert!(
        texts[1].starts_with("spec.usages[0]: Unsupported value: \"flying\": supported values: \"any\", \"cert sign\"")
    );
    assert_eq!(
        texts[2..],
        [
            "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API version",
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
        ]
    );
}

#[test]
fn a_request_is_signed_with_its_own_key() {
    let mut csr = csr();
    let (block, _) = crate::certificates::pem::decode(&csr.spec.request).expect("the request is a block");
    let mut der = block.data;
    let last = der.len() - 1;
    der[last] ^= 1;
    let text = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        k8s_api::primitives::ByteString::from(der).to_base64()
    );
    csr.spec.request = text.into_bytes().into();
    let errors = validate(&csr).to_string();
    assert!(errors.ends_with(": x509: ECDSA verification failure"), "{errors}");
}

#[test]
fn decisions() {
    let old = csr();
    let approved = with(csr(), &[("Approved", "True")]);
    let approved = CertificateSigningRequest {
        spec: old.spec.clone(),
        ..approved
    };
    check(&validate_approval_update(&approved, &old), "");
    check(
        &validate_status_update(&approved, &old),
        "status.conditions: Forbidden: updates may not add a condition of type \"Approved\"",
    );
    check(
        &validate_approval_update(&old, &approved),
        "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\"",
    );
    check(
        &validate_approval_update(&with(old.clone(), &[("Approved", "True"), ("Denied", "True")]), &old),
        "status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive",
    );
    check(
        &validate_approval_update(&with(old.clone(), &[("Approved", "False")]), &old),
        "status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\"",
    );
    let mut reworded = approved.clone();
    reworded.status.conditions[0].reason = "Because".into();
    check(
        &validate_status_update(&reworded, &approved),
        "status.conditions: Forbidden: updates may not modify a condition of type \"Approved\"\n@@ -2,7 +2,7 @@\n  {\n   \"Type\": \"Approved\",\n   \"Status\": \"True\",\n-  \"Reason\": \"\",\n+  \"Reason\": \"Because\",\n   \"Message\": \"\",\n   \"LastUpdateTime\": null,\n   \"LastTransitionTime\": null\n",
    );
}

#[test]
fn certificates_are_issued_through_the_status() {
    let old = csr();
    let mut new = old.clone();
    new.status.certificate = b"junk".to_vec().into();
    check(
        &validate_status_update(&new, &old),
        "status.certificate: Invalid value: \"<certificate data>\": must contain at least one CERTIFICATE PEM block",
    );
    check(
        &validate_approval_update(&new, &old)
            .iter()
            .last()
            .cloned()
            .expect("there are errors")
            .into(),
        "status.certificate: Forbidden: updates may not set certificate content",
    );
}

#[test]
fn kubelets() {
    let usages = |own: &str| vec!["digital signature".to_owned(), own.to_owned()];
    let parsed = request::parse(pem("system:node:n", "system:nodes").as_bytes()).expect("the request is good");
    assert_eq!(request::check_kubelet_client(&parsed, &usages("client auth")), Ok(()));
    let text = |result: Result<(), request::RequestError>| result.expect_err("a rule is broken").to_string();
    assert_eq!(
        text(request::check_kubelet_client(&parsed, &usages("server auth"))),
        "usages did not match [client auth digital signature key encipherment]"
    );
    assert_eq!(
        text(request::check_kubelet_serving(&parsed, &usages("server auth"))),
        "DNS or IP subjectAltName is required"
    );
    let other = request::parse(pem("someone", "users").as_bytes()).expect("the request is good");
    assert_eq!(
        text(request::check_kubelet_client(&other, &usages("client auth"))),
        "subject organization is not system:nodes"
    );
}
