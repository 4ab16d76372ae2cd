//! Resource claims.

mod printer;
mod status;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::{ResourceClaimStatusStrategy, ResourceClaimStrategy};
