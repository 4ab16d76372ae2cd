//! `CertificateSigningRequest`: a PKCS #10 request, who made it, and what became of it.

pub mod request;
#[cfg(test)]
mod tests;
mod validation;

pub use validation::{validate, validate_approval_update, validate_status_update, validate_update};
