//! Resource claim templates.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::ResourceClaimTemplateStrategy;
