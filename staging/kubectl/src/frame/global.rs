//! The flags that every command has.

use component_base::GoDuration;
use component_base::flags::{FlagSet, FlagValue, Flags};

use cli_runtime::{ConfigFlags, Result, message};

use crate::kuberc;

/// Flags of every command: how to connect, how much to say.
#[derive(Clone, Debug)]
pub struct GlobalFlags {
    /// How to connect.
    pub config: ConfigFlags,
    /// `--warnings-as-errors`.
    pub warnings_as_errors: bool,
    /// `--match-server-version`.
    pub match_server_version: bool,
    /// `-v`.
    pub verbosity: i32,
    kuberc: String,
    profile: String,
    profile_output: String,
    log_flush_frequency: GoDuration,
    vmodule: Vmodule,
}

/// `--vmodule`, which names Go files: taken and without effect.
#[derive(Clone, Debug, Default)]
struct Vmodule(String);

impl FlagValue for Vmodule {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        text.clone_into(&mut self.0);
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }

    fn type_name(&self) -> &'static str {
        "pattern=N,..."
    }
}

impl Default for GlobalFlags {
    fn default() -> Self {
        Self {
            config: ConfigFlags::default(),
            warnings_as_errors: false,
            match_server_version: false,
            verbosity: 0,
            kuberc: String::new(),
            profile: "none".to_owned(),
            profile_output: "profile.pprof".to_owned(),
            log_flush_frequency: GoDuration::from(std::time::Duration::from_secs(5)),
            vmodule: Vmodule::default(),
        }
    }
}

impl GlobalFlags {
    /// Refuses what this program does not have.
    ///
    /// # Errors
    /// A profile was asked for.
    pub fn check(&self) -> Result<()> {
        if self.profile != "none" {
            return Err(message!(
                "profiles are not supported: unknown profile '{}'",
                self.profile
            ));
        }
        Ok(())
    }
}

impl Flags for GlobalFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("global");
        self.config.add_flags(flags);
        flags
            .inherit("warnings-as-errors", None, &mut self.warnings_as_errors, "Treat warnings received from the server as errors and exit with a non-zero exit code")
            .inherit("match-server-version", None, &mut self.match_server_version, "Require server version to match client version")
            .inherit("v", Some('v'), &mut self.verbosity, "number for the log level verbosity")
            .inherit("vmodule", None, &mut self.vmodule, "comma-separated list of pattern=N settings for file-filtered logging (only works for the default text log format)")
            .inherit("log-flush-frequency", None, &mut self.log_flush_frequency, "Maximum number of seconds between log flushes")
            .inherit("profile", None, &mut self.profile, "Name of profile to capture. One of (none|cpu|heap|goroutine|threadcreate|block|mutex|trace)")
            .inherit("profile-output", None, &mut self.profile_output, "Name of the file to write the profile to");
        if !kuberc::is_disabled() {
            // It was read before flags are parsed.
            flags.inherit("kuberc", None, &mut self.kuberc, "Path to the kuberc file to use for preferences. This can be disabled by exporting KUBECTL_KUBERC=false feature gate or turning off the feature KUBERC=off.");
        }
    }
}
