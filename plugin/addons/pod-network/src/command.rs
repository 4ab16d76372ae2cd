//! Runs the programs of iproute2 and nftables.

use std::process::{Command, Stdio};

use std::io::Write as _;

/// Why a program did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be run or fed.
    #[error("cannot run {program}")]
    Start {
        /// Its name.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It failed, with what it said.
    #[error("{program} {arguments}: {message}")]
    Failed {
        /// Its name.
        program: String,
        /// What it was asked.
        arguments: String,
        /// What it said.
        message: String,
    },
}

/// Runs `program` with `input` on standard input; returns its standard output.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, CommandError> {
    let start = |source| CommandError::Start {
        program: program.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read everything says why below.
        if let Err(error) = stdin.write_all(input.as_bytes())
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            return Err(start(error));
        }
    }
    let output = child.wait_with_output().map_err(start)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(CommandError::Failed {
        program: program.to_owned(),
        arguments: arguments.join(" "),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Runs commands of `ip` as one batch; nothing is run for none.
pub(crate) fn ip_batch(lines: &[String]) -> Result<(), CommandError> {
    if lines.is_empty() {
        return Ok(());
    }
    run("ip", &["-batch", "-"], &(lines.join("\n") + "\n")).map(drop)
}
