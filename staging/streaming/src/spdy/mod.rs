//! SPDY/3.1: the framing under exec, attach and port-forward.
//!
//! [`Session`] multiplexes [`Stream`]s over any byte stream. [`Decoder`] and [`Encoder`] are its frames.
//!
//! **Flow control.** The peers that exist (Go's spdystream in kubectl, the kubelet, containerd and
//! CRI-O) neither send nor understand WINDOW_UPDATE: they stop reading the connection when a
//! stream's reader is slow. A session therefore does the same. It takes
//! 1 MiB ahead of a slow reader and 4 MiB for all streams, then leaves the rest in the transport.

mod dictionary;
pub mod frame;
mod headers;
mod session;
mod state;
mod stream;
#[cfg(test)]
mod tests;

pub use frame::{Decoder, Encoder, Frame, FrameError};
pub use headers::Headers;
pub use session::{Config, Incoming, Session};
pub use state::SessionError;
pub use stream::{IncomingStream, Stream, StreamReader, StreamWriter};

/// The token of the `Upgrade` header.
pub const UPGRADE_TOKEN: &str = "SPDY/3.1";
