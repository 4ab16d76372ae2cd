//! Defaults, validation and warnings of pods and pod templates, and the rules of object metadata
//! that all kinds share.
//!
//! Upstream counterparts: `pkg/apis/core/{v1,validation}`, `pkg/api/pod`, and the validation
//! packages of apimachinery.

pub mod meta;
