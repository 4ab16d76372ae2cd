//! Profiling switches.

use serde::{Deserialize, Serialize};

use crate::flags::{FlagSet, Flags};

/// `--profiling` and `--contention-profiling`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DebuggingConfiguration {
    /// Whether `/debug/pprof/` is served.
    pub enable_profiling: bool,
    /// Whether waiting on locks is profiled as well.
    pub enable_contention_profiling: bool,
}

impl Default for DebuggingConfiguration {
    fn default() -> Self {
        Self {
            enable_profiling: true,
            enable_contention_profiling: false,
        }
    }
}

impl Flags for DebuggingConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("debugging");
        flags.add(
            "profiling",
            &mut self.enable_profiling,
            "serve profiles under host:port/debug/pprof/",
        );
        flags.add(
            "contention-profiling",
            &mut self.enable_contention_profiling,
            "profile waiting on locks as well, if profiling is on",
        );
    }
}
