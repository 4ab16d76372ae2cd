//! What the `main` of every component does: flags, log, runtime, signals, exit code.

use std::error::Error;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::feature_gates::FeatureGates;
use crate::flags::{Command, Flags, Invocation, report_and_exit_code};
use crate::logs::{self, LogHandle, LoggingConfiguration};
use crate::version::VersionInfo;

/// What a program runs with: its options, or what they came to.
pub trait Configured {
    /// How to log, and the gates that logging looks at.
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates);

    /// The version to report, given that of the build.
    fn effective_version(&self, version: VersionInfo) -> VersionInfo {
        version
    }
}

/// What a program is told when it starts.
pub struct Start {
    /// Names of the flags that were on the command line.
    pub given: Vec<&'static str>,
    /// The version to report.
    pub version: VersionInfo,
    /// The log, whose verbosity can be changed.
    pub log: LogHandle,
    /// Cancelled when the program is to end.
    pub stop: CancellationToken,
}

type AnyError = Box<dyn Error + Send + Sync>;

/// A command line that was read: what it says to do, what to do it with, and the names of the flags that were on it.
pub type Parsed<C> = (Invocation, C, Vec<&'static str>);

/// Parses the command line, starts the log and a runtime of `threads` worker threads (0 for one a processor), and runs.
///
/// An error goes to standard error with its causes, and makes the exit code 1.
pub fn main<O, R, F, E>(command: &Command, options: O, threads: usize, run: R) -> ExitCode
where
    O: Flags + Configured,
    R: FnOnce(O, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<AnyError>,
{
    main_completed(command, options, |options, _| Ok::<_, AnyError>(options), threads, run)
}

/// [`main`] for options that have to be checked and completed, with the names of the given flags, before anything runs.
pub fn main_completed<O, C, P, R, F, E>(
    command: &Command,
    mut options: O,
    complete: impl FnOnce(O, &[&'static str]) -> Result<C, P>,
    threads: usize,
    run: R,
) -> ExitCode
where
    O: Flags,
    C: Configured,
    P: Into<AnyError>,
    R: FnOnce(C, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<AnyError>,
{
    let mut given = Vec::new();
    let parsed = command.parse(&mut options, std::env::args().skip(1), &mut given);
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    let completed = complete(options, &given).map_err(Into::into);
    exit_code(completed.and_then(|configured| start(configured, given, *version, threads, run)))
}

/// [`main`] for programs that read their command line themselves.
pub fn main_parsed<C, P, R, F, E>(parsed: Result<Parsed<C>, P>, threads: usize, run: R) -> ExitCode
where
    C: Configured,
    P: std::fmt::Display,
    R: FnOnce(C, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<AnyError>,
{
    let (invocation, rest) = match parsed {
        Ok((invocation, configured, given)) => (Ok(invocation), Some((configured, given))),
        Err(error) => (Err(error), None),
    };
    if let Some(code) = report_and_exit_code(&invocation) {
        return code;
    }
    match (invocation, rest) {
        (Ok(Invocation::Run(version)), Some((configured, given))) => {
            exit_code(start(configured, given, *version, threads, run))
        }
        _ => ExitCode::FAILURE,
    }
}

fn exit_code(outcome: Result<(), AnyError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn start<C, R, F, E>(
    configured: C,
    given: Vec<&'static str>,
    version: VersionInfo,
    threads: usize,
    run: R,
) -> Result<(), AnyError>
where
    C: Configured,
    R: FnOnce(C, Start) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<AnyError>,
{
    let (logging, gates) = configured.logging();
    let log = logs::init(logging, gates)?;
    let version = configured.effective_version(version);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    let result = builder.enable_all().build()?.block_on(async {
        let start = Start {
            given,
            version,
            log: log.clone(),
            stop: crate::lifecycle::shutdown_on_signals()?,
        };
        run(configured, start).await.map_err(Into::into)
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
