//! Runs the packet filters' own programs: input on stdin, output collected, failures with what the program said.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::backend::{CommandError, CommandRunner};

/// Runs programs found on the path, in the network namespace of the calling thread.
#[derive(Debug, Default)]
pub struct SystemCommands;

impl CommandRunner for SystemCommands {
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CommandError> {
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
        let mut stdin = child.stdin.take().expect("stdin was asked for");
        // Written beside the wait, so that a program that answers while it still reads cannot block both sides.
        let (output, written) = std::thread::scope(|scope| {
            let writer = scope.spawn(move || stdin.write_all(input));
            (child.wait_with_output(), writer.join())
        });
        let output = output.map_err(start)?;
        if !output.status.success() {
            return Err(CommandError::Failed {
                program: program.to_owned(),
                status: output.status,
                message: String::from_utf8_lossy(&output.stderr)
                    .trim()
                    .chars()
                    .take(4096)
                    .collect(),
            });
        }
        // A program that succeeded without reading everything did not apply everything.
        written.expect("the writer does not panic").map_err(start)?;
        Ok(output.stdout)
    }
}
