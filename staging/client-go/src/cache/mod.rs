//! Shared informers: one watch and one store a kind and process (upstream: `tools/cache`).
//!
//! **Invariants.** The store never goes back in time. Every handler sees every change of the store exactly once, in order,
//! whatever happens to watches; of changes that happened while there was none it sees the outcome. A handler that is slow,
//! or panics, holds up no other. Objects are shared and never change; whoever wants to change one clones it.

mod factory;
mod informer;
mod key;
mod lister;
mod processor;
mod reflector;
mod store;
#[cfg(test)]
mod tests;

pub use factory::InformerFactory;
pub use informer::{InformerOptions, SharedInformer, Transform};
pub use key::ObjectKey;
pub use lister::Lister;
pub use processor::{Event, EventHandler, Registration};
pub use store::{IndexFn, Store};
