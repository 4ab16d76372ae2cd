//! The documents by which clients find out what the API server serves: discovery and OpenAPI.
//!
//! Everything here is data in, data out: the API server hands in which groups, versions and
//! resources there are, and gets values and bytes to send, with their entity tags. Documents are
//! built on first use and kept compressed.
//!
//! - [`discovery`]: `/api`, `/apis`, `/apis/<group>`, `/apis/<group>/<version>`, and the aggregated form.
//! - [`openapi`]: `/openapi/v2` and `/openapi/v3`, as JSON and as protobuf.
//! - [`negotiation`]: which form of a document an `Accept` header asks for.
//!
//! **Invariant:** no IO, no HTTP, no async. Upstream's counterparts are
//! `k8s.io/apiserver/pkg/endpoints/discovery` and `k8s.io/kube-openapi`.

mod descriptions;
pub mod digest;
pub mod discovery;
mod gnostic;
pub mod negotiation;
pub mod openapi;
