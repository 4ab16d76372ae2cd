//! A process's life: signals, the service manager, and the tasks in between.
//!
//! The first SIGTERM or SIGINT asks for an orderly end by cancelling a token; the second ends the process at once with
//! exit code 1, for operators who will not wait. systemd is told when the process is ready and when it stops, if it asked.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The signals that end a component.
struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Takes the termination signals over: the returned token is cancelled at the first, the process exits at the second.
///
/// # Errors
/// The handlers cannot be installed.
pub fn shutdown_on_signals() -> io::Result<CancellationToken> {
    shutdown_on_signals_then(|| std::process::exit(1))
}

/// [`shutdown_on_signals`] with another end at the second signal.
fn shutdown_on_signals_then(second: impl FnOnce() + Send + 'static) -> io::Result<CancellationToken> {
    let mut signals = Termination::new()?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = signals.received().await;
        tracing::info!(signal = name, "Received signal, shutting down");
        cancelled.cancel();
        let name = signals.received().await;
        tracing::error!(signal = name, "Received second signal, exiting");
        second();
    });
    Ok(token)
}

/// Tells the service manager a state (`READY=1`, `STOPPING=1`, `WATCHDOG=1`). Returns whether there was one to tell.
///
/// # Errors
/// The manager's socket cannot be reached.
pub fn notify_service_manager(state: &str) -> io::Result<bool> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(path) if !path.is_empty() => send_state(&path, state).map(|()| true),
        _ => Ok(false),
    }
}

fn send_state(path: &OsString, state: &str) -> io::Result<()> {
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal as Kill, raise};

    use super::*;

    #[tokio::test]
    async fn the_first_signal_cancels_and_the_second_ends() {
        let (ended, second) = tokio::sync::oneshot::channel();
        let token = shutdown_on_signals_then(move || ended.send(()).unwrap()).unwrap();
        assert!(!token.is_cancelled());
        raise(Kill::SIGTERM).unwrap();
        token.cancelled().await;
        raise(Kill::SIGINT).unwrap();
        second.await.unwrap();
    }

    #[test]
    fn the_service_manager_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send_state(&path.clone().into_os_string(), "READY=1").unwrap();
        let mut buffer = [0; 32];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");

        let name = format!("@component-base-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        send_state(&OsString::from(name), "STOPPING=1").unwrap();
        assert_eq!(socket.recv(&mut buffer).unwrap(), 10);

        let gone = send_state(&directory.path().join("gone").into_os_string(), "READY=1").unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
