//! Flow schemas.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::{FlowSchemaStatusStrategy, FlowSchemaStrategy};
