//! The process that holds a pod sandbox's namespaces and reaps its orphans.
//!
//! It sleeps until a signal comes: SIGINT and SIGTERM end it with code 0, SIGCHLD makes it collect every child that has
//! ended, which are the pod's orphans where containers share its process namespace. Signals are blocked and waited for, not
//! handled, so that none is lost between two waits and no code runs inside a handler. Upstream counterpart: `build/pause`.

use std::io::Write;
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

fn main() -> ExitCode {
    if std::env::args()
        .skip(1)
        .any(|argument| argument.eq_ignore_ascii_case("-v"))
    {
        return match writeln!(std::io::stdout(), "pause {}", env!("CARGO_PKG_VERSION")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    if std::process::id() != 1 {
        say("Warning: pause should be the first process");
    }
    match wait() {
        Ok(signal) => {
            say(&format!("Shutting down, got signal: {signal}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("Error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Waits for the signal to end, reaping children meanwhile.
fn wait() -> nix::Result<Signal> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD].into_iter().collect();
    signals.thread_block()?;
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => reap(),
            Ok(signal) => return Ok(signal),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Collects every child that has ended; one SIGCHLD may stand for several.
fn reap() {
    while !matches!(
        waitpid(None, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(_)
    ) {}
}

/// Writes to standard error, which nobody has to read.
fn say(words: &str) {
    drop(writeln!(std::io::stderr(), "{words}"));
}
