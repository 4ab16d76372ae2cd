//! A component's command: its flags together with `--help` and `--version`, and the one line an error is.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use super::{FlagError, FlagSet, FlagValue, Flags, parse_bool};
use crate::version::{self, VersionInfo};

/// What a binary is called and says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The binary's name.
    pub name: &'static str,
    /// The paragraph that opens its help.
    pub about: &'static str,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run; the options are filled in, and this is the version to report (`--version=v...` overrides it).
    Run(Box<VersionInfo>),
    /// Print this to standard output and end with success.
    Print(String),
}

/// `--version`: off, `true`, `raw`, or a version to report instead of the built-in one.
#[derive(Default)]
enum VersionFlag {
    #[default]
    Off,
    Print,
    Raw,
    Report(String),
}

impl FlagValue for VersionFlag {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = if text == "raw" {
            Self::Raw
        } else if text.starts_with('v') {
            version::validate_override(text)?;
            Self::Report(text.to_owned())
        } else if parse_bool(text)? {
            Self::Print
        } else {
            Self::Off
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        match self {
            Self::Off => "false".to_owned(),
            Self::Print => "true".to_owned(),
            Self::Raw => "raw".to_owned(),
            Self::Report(version) => version.clone(),
        }
    }

    fn type_name(&self) -> &'static str {
        "version"
    }

    fn implied(&self) -> Option<&'static str> {
        Some("true")
    }
}

impl Command {
    /// Parses the arguments (without the program's name) into the options.
    ///
    /// `options` keep their values where no flag was given; the names of the flags that were given are handed to
    /// `given`, for binaries that lay flags over a configuration file.
    ///
    /// # Errors
    /// The first thing wrong with the command line.
    pub fn parse<S: AsRef<str>>(
        &self,
        options: &mut dyn Flags,
        arguments: impl IntoIterator<Item = S>,
        given: &mut Vec<&'static str>,
    ) -> Result<Invocation, FlagError> {
        let (mut help, mut version) = (false, VersionFlag::Off);
        let mut flags = FlagSet::new();
        options.add_flags(&mut flags);
        flags.section("global");
        flags
            .add("help", &mut help, format!("help for {}", self.name))
            .shorthand('h');
        flags.add(
            "version",
            &mut version,
            "print the version (raw: every field of it) and end; a version of the form vX.Y.Z... is reported instead of the built-in one",
        );
        let positional = flags.parse(arguments)?;
        let usage = |flags: &FlagSet<'_>| {
            format!(
                "{}\n\nUsage:\n  {} [flags]\n{}",
                self.about,
                self.name,
                flags.usage(terminal_columns())
            )
        };
        if flags.changed("help") && flags.values().any(|(name, value)| name == "help" && value == "true") {
            return Ok(Invocation::Print(usage(&flags)));
        }
        given.extend(flags.changed_names());
        drop(flags);
        let built_in = VersionInfo::current();
        match version {
            VersionFlag::Print => return Ok(Invocation::Print(format!("Kubernetes {}\n", built_in.git_version))),
            VersionFlag::Raw => return Ok(Invocation::Print(format!("{}\n", built_in.raw()))),
            _ => {}
        }
        if positional.iter().any(|word| !word.is_empty()) {
            return Err(FlagError::UnexpectedArguments {
                command: self.name.to_owned(),
                arguments: positional,
            });
        }
        Ok(Invocation::Run(Box::new(match version {
            VersionFlag::Report(reported) => VersionInfo {
                git_version: reported,
                ..built_in
            },
            _ => built_in,
        })))
    }
}

/// The width of the terminal on standard output, 0 when it is none.
fn terminal_columns() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Prints what [`Command::parse`] or a start-up step came to: text to standard output, an error as one line to standard
/// error. `None` means: run.
pub fn report_and_exit_code<E: Display>(outcome: &Result<Invocation, E>) -> Option<ExitCode> {
    match outcome {
        Ok(Invocation::Run(_)) => None,
        Ok(Invocation::Print(text)) => {
            let written = io::stdout().lock().write_all(text.as_bytes());
            Some(if written.is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(error) => {
            let line = error.to_string().replace('\n', " ");
            // When standard error is gone as well, the exit code is all that is left to say.
            let _ = writeln!(io::stderr().lock(), "Error: {line}");
            Some(ExitCode::FAILURE)
        }
    }
}
