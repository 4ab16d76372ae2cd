//! Mutating webhook configurations.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingWebhookConfigurationStrategy;
