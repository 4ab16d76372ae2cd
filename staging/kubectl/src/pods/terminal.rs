//! The terminal of whoever runs the command: raw while a remote process has it, and its size.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use streaming::remotecommand::TerminalSize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Standard input in raw mode; as it was again when this is dropped.
pub(crate) struct RawTerminal {
    before: Termios,
}

#[expect(unsafe_code, reason = "the descriptor of standard input has no owner")]
fn stdin() -> BorrowedFd<'static> {
    // SAFETY: descriptor 0 is never closed by this process.
    unsafe { BorrowedFd::borrow_raw(io::stdin().as_raw_fd()) }
}

impl RawTerminal {
    /// Makes standard input raw.
    ///
    /// # Errors
    /// It is no terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that has gone needs no repair.
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}

nix::ioctl_read_bad!(
    /// The size of the terminal behind a descriptor.
    window_size,
    nix::libc::TIOCGWINSZ,
    nix::libc::winsize
);

/// The terminal's size, `None` when there is no terminal.
#[expect(unsafe_code, reason = "an ioctl")]
pub(crate) fn size() -> Option<TerminalSize> {
    let mut size = nix::libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the request writes a `winsize`, and `size` is one.
    unsafe { window_size(io::stdout().as_raw_fd(), &raw mut size) }.ok()?;
    Some(TerminalSize {
        width: size.ws_col,
        height: size.ws_row,
    })
}

/// Sizes of the terminal: the given ones, then each new one.
pub(crate) fn sizes(initial: Vec<TerminalSize>) -> mpsc::Receiver<TerminalSize> {
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        for size in initial {
            if sender.send(size).await.is_err() {
                return;
            }
        }
        let Ok(mut changes) = signal(SignalKind::window_change()) else {
            return;
        };
        while changes.recv().await.is_some() {
            if let Some(size) = size()
                && sender.send(size).await.is_err()
            {
                return;
            }
        }
    });
    receiver
}
