//! Admission of certificates.
//!
//! [`CertificateApproval`], [`CertificateSigning`] and [`ClusterTrustBundleAttest`] ask the authorizer whether
//! the writer may use the signer; [`CertificateSubjectRestriction`] keeps the group above all authorization
//! out of client certificates. Upstream: `plugin/pkg/admission/certificates`.

mod signer;
mod subject;
#[cfg(test)]
mod tests;
mod trust_bundle;

pub use signer::{CertificateApproval, CertificateSigning};
pub use subject::CertificateSubjectRestriction;
pub use trust_bundle::ClusterTrustBundleAttest;

fn is_signing_requests(group: &str, resource: &str) -> bool {
    group == "certificates.k8s.io" && resource == "certificatesigningrequests"
}
