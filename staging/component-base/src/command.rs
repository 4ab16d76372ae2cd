//! Runs other programs: input on standard input, output collected, failures with what the program said.

use std::io::{self, Write as _};
use std::process::{Command, ExitStatus, Stdio};

/// No more of what a program says of its failure is kept, in characters.
const WORDS: usize = 4096;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be run or fed.
    #[error("cannot run {program}")]
    Start {
        /// Its name.
        program: String,
        /// The system's words.
        source: io::Error,
    },
    /// It ran and refused.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// Its name.
        program: String,
        /// Its exit status.
        status: ExitStatus,
        /// The head of what it wrote to standard error.
        message: String,
    },
}

/// Runs a program that is found on the path, in the namespaces of the calling thread, and returns its standard output.
/// Blocks until it has ended.
///
/// # Errors
/// If it cannot be run, does not take all its input, or exits with a failure.
pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CommandError> {
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
    let mut stdin = child.stdin.take().expect("standard input was asked for");
    // Written beside the wait, so that a program that answers while it still reads cannot block both sides.
    let (output, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input));
        (child.wait_with_output(), writer.join())
    });
    let output = output.map_err(start)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(CommandError::Failed {
            program: program.to_owned(),
            status: output.status,
            message: words.trim().chars().take(WORDS).collect(),
        });
    }
    // A program that succeeded without reading everything did not apply everything.
    written.expect("the writer does not panic").map_err(start)?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_in_and_output_comes_out_however_much_there_is() {
        let input = vec![b'x'; 1 << 20];
        assert_eq!(run("cat", &[], &input).expect("cat runs"), input);
    }

    #[test]
    fn failures_tell_what_the_program_said() {
        let error = run("sh", &["-c", "echo no such thing >&2; exit 3"], b"").expect_err("it fails");
        assert_eq!(error.to_string(), "sh failed (exit status: 3): no such thing");
        let error = run("/no/such/program", &[], b"").expect_err("it is not there");
        assert_eq!(error.to_string(), "cannot run /no/such/program");
    }
}
