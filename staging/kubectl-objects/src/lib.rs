//! What kubectl's writing commands make of objects: generators, changes and patches.
//!
//! **Invariant:** nothing here does IO. Objects are JSON values; a function that refuses says why in the words a user
//! is to read ([`Refusal`]).

pub mod debugging;
pub mod json;
pub mod last_applied;
pub mod numbers;
pub mod pairs;
pub mod patching;
pub mod pod_spec;
pub mod resources;
pub mod rollout;
pub mod selector;
pub mod service;
pub mod subjects;
pub mod taints;
pub mod typed;

/// Why something cannot be done: the message that the user gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// What a pure step comes to.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// A [`Refusal`], put together like `format!`.
#[macro_export]
macro_rules! refuse {
    ($($argument:tt)*) => {
        $crate::Refusal(format!($($argument)*))
    };
}
