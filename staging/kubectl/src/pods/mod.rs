//! What the commands that talk to running pods share: the pod and the container that are meant, and the streams to them.

pub(crate) mod containers;
pub(crate) mod remote;
pub(crate) mod select;
pub(crate) mod terminal;

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::{Result, message};

/// Adds `--pod-running-timeout`.
pub(crate) fn add_running_timeout_flag<'a>(flags: &mut FlagSet<'a>, timeout: &'a mut GoDuration) {
    flags.add(
        "pod-running-timeout",
        timeout,
        "The length of time (like 5s, 2m, or 3h, higher than zero) to wait until at least one pod is running",
    );
}

/// Refuses a timeout that leaves no time.
///
/// # Errors
/// It is zero or less.
pub(crate) fn check_running_timeout(timeout: GoDuration) -> Result<()> {
    if timeout <= GoDuration::ZERO {
        return Err(message!("--pod-running-timeout must be higher than zero"));
    }
    Ok(())
}

/// The flags of a session with a container.
#[derive(Clone, Debug)]
pub(crate) struct SessionFlags {
    /// The container; empty for the pod's default.
    pub(crate) container: String,
    /// Whether standard input is passed on.
    pub(crate) stdin: bool,
    /// Whether standard input is a terminal.
    pub(crate) tty: bool,
    /// Whether only the session itself is shown.
    pub(crate) quiet: bool,
    /// How long to wait for a running pod.
    pub(crate) timeout: GoDuration,
}

impl Default for SessionFlags {
    fn default() -> Self {
        Self {
            container: String::new(),
            stdin: false,
            tty: false,
            quiet: false,
            timeout: GoDuration::from_secs(60),
        }
    }
}

impl Flags for SessionFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        add_running_timeout_flag(flags, &mut self.timeout);
        flags.add("container", &mut self.container, "Container name. If omitted, use the kubectl.kubernetes.io/default-container annotation for selecting the container to be attached or the first container in the pod will be chosen").shorthand('c');
        flags
            .add("stdin", &mut self.stdin, "Pass stdin to the container")
            .shorthand('i');
        flags.add("tty", &mut self.tty, "Stdin is a TTY").shorthand('t');
        flags
            .add("quiet", &mut self.quiet, "Only print output from the remote session")
            .shorthand('q');
    }
}
