//! `authentication.k8s.io`: who a request comes from.
//!
//! `TokenReview` and `SelfSubjectReview` have no rules of their own beyond what their endpoints ask for.

pub mod token_request;
