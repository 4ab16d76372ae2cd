//! Defaults, validation and warnings of pods and pod templates, and the rules of object metadata
//! that all kinds share.
//!
//! Validation works on the v1 structs. Where clients see values of the server's internal types in
//! an error (a diff of two specs, a struct as the bad value), [`go_view`] prints them in that form.
//! Functions return every fault, in the order in which clients have always seen them.
//!
//! Upstream counterparts: `pkg/apis/core/{v1,validation,helper}`, `pkg/api/pod`, and the validation
//! packages of apimachinery.

pub mod go_view;
pub mod meta;
pub mod pod;
pub mod resources;
pub mod rules;
