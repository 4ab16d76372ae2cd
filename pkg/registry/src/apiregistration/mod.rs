//! `apiregistration.k8s.io`: which server serves which API group.

pub mod api_service;

#[cfg(test)]
mod tests;
