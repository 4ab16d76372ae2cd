//! Defaults and validation of the kinds that configure a cluster: who may do what, storage classes
//! and drivers, certificates, admission, flow control, API extensions, devices, and reviews.
//!
//! One folder a group, in it one folder a kind. A kind offers `set_defaults`, `validate`,
//! `validate_update` and one function for each subresource. Validation returns every fault in the
//! order in which clients have always seen them; the texts are part of the API. Expressions (CEL)
//! are checked for their presence and length only: compiling them is the caller's.
//!
//! Upstream counterpart: `pkg/apis/<group>/{v1/defaults.go,validation}`, and those of the
//! apiextensions and aggregator servers.

pub mod admissionregistration;
pub mod apiextensions;
pub mod apiregistration;
pub mod authentication;
pub mod authorization;
pub mod certificates;
mod common;
pub mod flowcontrol;
mod go;
pub mod rbac;
pub mod resource;
pub mod storage;
