//! Field paths and validation errors (upstream: `k8s.io/apimachinery/pkg/util/validation/field`).
//!
//! Validation collects every error with the path of the field it is about, in the order of
//! checking. The texts are part of the API: clients and tests match them.

mod error;
mod path;
#[cfg(test)]
mod tests;

pub use error::{BadValue, Error, ErrorList, ErrorType};
pub use path::Path;
