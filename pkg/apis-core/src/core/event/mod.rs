//! Events: one stored kind, core/v1, that events.k8s.io/v1 shows under other names and checks more
//! strictly. They have no defaults.

mod conversion;
#[cfg(test)]
mod tests;
mod validation;

pub use conversion::{from_v1, to_v1};
pub use validation::{RequestVersion, validate, validate_update};
