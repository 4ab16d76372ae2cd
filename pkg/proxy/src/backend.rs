//! The seam between the proxy and the kernel's packet filters.
//!
//! A backend renders plans to rules and remembers what it wrote per service, so that a changed service costs what
//! that service costs. It holds no routing logic: that is [`crate::plan`].

use std::time::Instant;

use ipnet::IpNet;

use crate::plan::ServicePlan;

pub use crate::process::SystemCommands;
pub use component_base::command::CommandError;

/// Why a sync failed. The rules are as they were before, or (iptables) in part as wanted; the next sync must be full.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A program's answer was not understood.
    #[error("cannot read the answer of {program}: {reason}")]
    Answer {
        /// Program name.
        program: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The machine cannot run this backend.
    #[error("{0}")]
    Unsupported(String),
}

/// Runs programs; the real one is [`SystemCommands`], tests record instead.
pub trait CommandRunner: Send + Sync {
    /// Runs `program` with `input` on stdin and returns its stdout.
    ///
    /// # Errors
    /// When it cannot be run, or exits with a failure.
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CommandError>;
}

/// What a backend is asked to bring the kernel to.
#[derive(Debug)]
pub struct SyncRequest<'a> {
    /// `changes` names every service there is, and everything else of ours is to go.
    pub full: bool,
    /// Services to write; one without ports is gone.
    pub changes: &'a [ServicePlan],
    /// Endpoints in all, changed or not: large clusters get shorter rules.
    pub total_endpoints: usize,
    /// Ranges cluster IPs are taken from, of the backend's family.
    pub service_cidrs: &'a [IpNet],
}

/// What a sync did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncStats {
    /// Lines of input given to the packet filter: the cost of the sync.
    pub operations: usize,
    /// Rules written to table `filter` (iptables).
    pub filter_rules_written: usize,
    /// Rules written to table `nat` (iptables).
    pub nat_rules_written: usize,
    /// Rules of ours now in table `filter` (iptables).
    pub filter_rules_total: usize,
    /// Rules of ours now in table `nat` (iptables).
    pub nat_rules_total: usize,
}

/// A packet filter for one IP family.
pub trait Backend: Send {
    /// `iptables` or `nftables`.
    fn mode(&self) -> &'static str;

    /// Applies `request`. After an error the next request must be full.
    ///
    /// # Errors
    /// When the packet filter refused or could not be run.
    fn sync(&mut self, request: &SyncRequest<'_>) -> Result<SyncStats, BackendError>;

    /// When [`Self::housekeeping`] has something to do.
    fn housekeeping_due(&self) -> Option<Instant> {
        None
    }

    /// Removes what was taken out of use by an earlier sync and could not be removed at once.
    ///
    /// # Errors
    /// When the packet filter refused; the next request must then be full.
    fn housekeeping(&mut self, _now: Instant) -> Result<(), BackendError> {
        Ok(())
    }

    /// False when somebody else removed our rules, so that a full sync is needed.
    ///
    /// # Errors
    /// When the packet filter could not be asked.
    fn intact(&mut self) -> Result<bool, BackendError>;
}

#[cfg(test)]
pub(crate) mod testing {
    //! A packet filter that only takes notes.

    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::{CommandError, CommandRunner};

    /// Records input; fails when told to.
    #[derive(Default)]
    pub(crate) struct Recorder {
        pub(crate) inputs: Mutex<Vec<(String, String)>>,
        pub(crate) answers: Mutex<Vec<(&'static str, String)>>,
        pub(crate) failures: Mutex<usize>,
    }

    impl Recorder {
        pub(crate) fn new() -> Arc<Self> {
            Arc::default()
        }

        /// The last input given, and forget all.
        pub(crate) fn take(&self) -> String {
            let mut inputs = self.inputs.lock();
            let last = inputs.last().map(|(_, input)| input.clone()).unwrap_or_default();
            inputs.clear();
            last
        }
    }

    impl CommandRunner for Recorder {
        fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CommandError> {
            let command = format!("{program} {}", arguments.join(" "));
            if !input.is_empty() {
                let mut failures = self.failures.lock();
                if *failures > 0 {
                    *failures -= 1;
                    return Err(CommandError::Failed {
                        program: program.to_owned(),
                        status: std::os::unix::process::ExitStatusExt::from_raw(256),
                        message: "told to fail".to_owned(),
                    });
                }
                self.inputs
                    .lock()
                    .push((command.clone(), String::from_utf8_lossy(input).into_owned()));
            }
            let answers = self.answers.lock();
            Ok(answers
                .iter()
                .find(|(key, _)| command.contains(key))
                .map(|(_, text)| text.clone())
                .unwrap_or_default()
                .into_bytes())
        }
    }
}
