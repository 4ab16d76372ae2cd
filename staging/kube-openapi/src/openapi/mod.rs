//! OpenAPI documents: `/openapi/v2` and `/openapi/v3`.
//!
//! [`routes`] says which paths and operations a resource has, [`definitions`] what the types look
//! like; a [`Document`] puts paths and the types they reach together and writes them in either
//! version, as JSON or protobuf, piece by piece, so that no tree of a whole document ever stands in
//! memory. [`OpenApi`] builds the documents on first use and keeps them compressed.
//!
//! Upstream's counterpart is `k8s.io/kube-openapi` (`builder`, `builder3`, `handler`, `handler3`).

pub mod definitions;
mod document;
mod model;
mod parameters;
mod render;
pub mod routes;
mod service;
#[cfg(test)]
mod tests;

pub use definitions::{BuiltinDefinitions, Definitions, Form};
pub use document::{Document, Info};
pub use model::{Method, Operation, Parameter, ParameterPlace, PathItem, Payload, RequestBody, Response};
pub use service::{Artifact, OpenApi, ServerRelativePath, v3_document_name};
