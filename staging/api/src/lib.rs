//! The Kubernetes v1.36 types, their reflection, and the Scheme.

pub mod reflect;
