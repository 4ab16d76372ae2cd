//! The options in a request's query, decoded and judged as upstream does
//! (`metav1.ListOptions`, `GetOptions`, `CreateOptions`, …).

mod continue_token;
mod list;
mod query;
mod write;

pub use continue_token::ContinueToken;
pub use list::{ListOptions, VersionMatch};
pub use query::Query;
pub use write::{FieldValidation, PatchType, decode_delete_options, validate_delete_options, write_options};
