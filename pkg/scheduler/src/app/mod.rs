//! The program: flags over the file, the profiles put together, the secure port, the election, the scheduler's life.

mod options;
mod run;
mod setup;
#[cfg(test)]
mod tests;

pub use options::{Complete, OptionsError, SchedulerOptions};
pub use run::{Completed, RunError, run, schedule_until};
pub use setup::{Setup, SetupError, setup};
