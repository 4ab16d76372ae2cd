//! Defaults, validation and conversion of the core/v1 kinds other than pods, and of events in both
//! their versions.
//!
//! One module a kind under [`core`]. Every kind has `set_defaults` where it has defaults, `validate`,
//! `validate_update`, the checks of its subresources, and `warnings`; all of them are pure functions
//! that report every fault at once, in upstream's order and words.
//!
//! **Invariant:** this crate knows neither storage nor requests. Upstream counterpart:
//! `pkg/apis/core`, `pkg/api` and the pure parts of `pkg/registry/core`.

pub mod core;
mod go_value;
mod meta;
mod shared;

pub use go_value::GoValue;
pub use shared::validate_endpoint_ip;
