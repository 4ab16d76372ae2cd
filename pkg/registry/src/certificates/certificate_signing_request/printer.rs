//! What a table shows of certificate signing requests.

use apiserver::registry::{Column, Row};
use k8s_api::certificates::v1::CertificateSigningRequest;

use crate::printing::{AGE, NAME, NONE, age, column, human_duration};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    AGE,
    column("SignerName", "string"),
    column("Requestor", "string"),
    column("RequestedDuration", "string"),
    column("Condition", "string"),
];

/// The cells of one request.
#[must_use]
pub fn row(csr: &CertificateSigningRequest, now: jiff::Timestamp) -> Row {
    let signer = &csr.spec.signer_name;
    let duration = csr
        .spec
        .expiration_seconds
        .map(|seconds| human_duration(seconds.into()));
    vec![
        csr.metadata.name.as_str().into(),
        age(csr.metadata.creation_timestamp, now).into(),
        if signer.is_empty() { NONE } else { signer.as_str() }.into(),
        csr.spec.username.as_str().into(),
        duration.unwrap_or_else(|| NONE.into()).into(),
        condition(csr).into(),
    ]
}

/// What was decided, and what came of it; a denial outweighs an approval.
fn condition(csr: &CertificateSigningRequest) -> String {
    let has = |type_: &str| csr.status.conditions.iter().any(|condition| condition.type_ == type_);
    let decision = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if csr.status.certificate.is_empty() {
        ""
    } else {
        ",Issued"
    };
    format!("{decision}{failed}{issued}")
}
