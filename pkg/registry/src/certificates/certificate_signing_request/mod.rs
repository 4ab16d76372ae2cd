//! Certificate signing requests.

mod printer;
mod strategy;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{
    CertificateSigningRequestApprovalStrategy, CertificateSigningRequestStatusStrategy,
    CertificateSigningRequestStrategy,
};

/// The resource `certificatesigningrequests`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "certificatesigningrequests",
        CertificateSigningRequestStrategy,
        no_defaults,
    )
    .table(COLUMNS, row)
    .update("status", CertificateSigningRequestStatusStrategy)
    .update("approval", CertificateSigningRequestApprovalStrategy)
}
