//! kubectl: the command line client of the API (upstream: `k8s.io/kubectl`).
//!
//! [`frame`] finds the command that a line means, parses its flags and prints help and errors; [`commands`] is the table
//! of all commands; `cmd` has one folder a command. **Invariant:** commands write only to [`cli_runtime::IoStreams`] and
//! report failure only by returning a [`cli_runtime::CommandError`], so that each can run in a test.

pub mod cmd;
pub mod commands;
pub mod flags;
pub mod frame;
mod kuberc;
mod pods;
mod write;

use std::process::ExitCode;

use cli_runtime::IoStreams;

pub use frame::{Arguments, Command, Completion, Context, Group, Run, execute};

/// The program: runs the command line of the process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let streams = IoStreams::standard();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Without standard error the exit code is all that is left to say.
            let _ = streams.err.print(format!("error: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(execute(&commands::ROOT, &arguments, &streams));
    // A thread that still reads standard input must not hold the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}
