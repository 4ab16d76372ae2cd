//! kube-controller-manager: the table of controllers, their flags, and their life in one process.
//!
//! [`run`] opens the secure port, waits until this process leads, builds every controller that is asked for, starts the
//! shared informers and runs the controllers until the end. *Invariant*: a process that has lost its lease does not go on.
//! Counterpart upstream: `cmd/kube-controller-manager/app`.

mod life;
mod options;
mod run;
mod selection;
mod table;

#[cfg(test)]
mod tests;

pub use options::{ControllerManagerOptions, OptionsError};
pub use run::{Completed, RunError, run};
pub use table::{ABSENT, Absent, descriptors};
