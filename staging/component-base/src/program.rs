//! What the `main` of every component does: flags, log, runtime, signals, exit code.

use std::error::Error;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::feature_gates::FeatureGates;
use crate::flags::{Command, Flags, Invocation, report_and_exit_code};
use crate::logs::{self, LoggingConfiguration};
use crate::version::VersionInfo;

/// The options of a program.
pub trait Options: Flags {
    /// How to log, and the gates that logging looks at.
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates);
}

/// What a program is told when it starts.
#[derive(Debug)]
pub struct Start {
    /// Names of the flags that were on the command line.
    pub given: Vec<&'static str>,
    /// The version to report.
    pub version: VersionInfo,
    /// Cancelled when the program is to end.
    pub stop: CancellationToken,
}

/// Parses the command line, starts the log and a runtime of `threads` worker threads (0 for one a processor), and runs.
///
/// An error goes to standard error with its causes, and makes the exit code 1.
pub fn main<O, R, F, E>(command: &Command, mut options: O, threads: usize, run: R) -> ExitCode
where
    O: Options,
    R: FnOnce(O, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let mut given = Vec::new();
    let parsed = command.parse(&mut options, std::env::args().skip(1), &mut given);
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    match start(options, given, *version, threads, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn start<O, R, F, E>(
    options: O,
    given: Vec<&'static str>,
    version: VersionInfo,
    threads: usize,
    run: R,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    O: Options,
    R: FnOnce(O, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let (logging, gates) = options.logging();
    let log = logs::init(logging, gates)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    let result = builder.enable_all().build()?.block_on(async {
        let stop = crate::lifecycle::shutdown_on_signals()?;
        run(options, Start { given, version, stop }).await.map_err(Into::into)
    });
    log.flush()?;
    result
}

/// The error and its causes, with colons between.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::with_causes;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the file")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_their_error() {
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(with_causes(&error), "cannot read the file: disk on fire");
    }
}
