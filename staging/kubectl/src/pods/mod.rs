//! What the commands that talk to running pods share: the pod and the container that are meant, and the streams to them.

pub(crate) mod containers;
pub(crate) mod remote;
pub(crate) mod select;
pub(crate) mod terminal;

use component_base::GoDuration;
use component_base::flags::FlagSet;

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
