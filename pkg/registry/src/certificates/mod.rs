//! `certificates.k8s.io`: requests for certificates.

pub mod certificate_signing_request;

#[cfg(test)]
mod tests;
