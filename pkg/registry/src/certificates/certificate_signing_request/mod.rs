//! Certificate signing requests.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::{
    CertificateSigningRequestApprovalStrategy, CertificateSigningRequestStatusStrategy,
    CertificateSigningRequestStrategy,
};
