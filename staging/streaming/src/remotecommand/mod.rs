//! exec and attach: a process's standard streams, its terminal's size and its exit status over one connection.
//!
//! Corresponds to `k8s.io/cri-streaming/pkg/streaming/remotecommand` (server) and
//! `k8s.io/client-go/tools/remotecommand` (client). Version 2 of the protocol added the half close,
//! 3 the resize stream, 4 a `Status` in JSON on the error stream, 5 the close signal on WebSockets.

mod client;
mod resize;
mod server;
mod status;

use http::Uri;
use serde::{Deserialize, Serialize};

pub use client::{RemoteCommandError, StreamOptions, stream, stream_over_spdy, stream_over_websocket};
pub use server::{ExecStreams, Failure, Kind, ServerConfig, serve};
pub use status::Status;

pub(crate) use server::{ServerStreams, write_status};

/// Version 5, whose WebSocket channels can be closed one by one.
pub const V5: &str = "v5.channel.k8s.io";
/// Version 4, with a `Status` on the error stream.
pub const V4: &str = "v4.channel.k8s.io";
/// Version 3, with terminal sizes.
pub const V3: &str = "v3.channel.k8s.io";
/// Version 2, with half closes.
pub const V2: &str = "v2.channel.k8s.io";
/// Version 1.
pub const V1: &str = "channel.k8s.io";
/// Version 4 in base64, WebSocket only.
pub const V4_BASE64: &str = "v4.base64.channel.k8s.io";
/// Version 1 in base64, WebSocket only.
pub const V1_BASE64: &str = "base64.channel.k8s.io";

/// What a client offers over SPDY.
pub const CLIENT_PROTOCOLS: [&str; 5] = [V5, V4, V3, V2, V1];

/// What upstream's servers (container runtimes) accept over SPDY.
pub const SERVER_PROTOCOLS: [&str; 4] = [V4, V3, V2, V1];

/// What upstream's servers (container runtimes) accept over a WebSocket, `""` being no protocol.
pub const SERVER_WEBSOCKET_PROTOCOLS: [&str; 5] = [V4, V4_BASE64, V1, V1_BASE64, ""];

/// The header of a SPDY stream that says what it carries.
pub(crate) const STREAM_TYPE: &str = "streamtype";

/// The channels, which are also their numbers on a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdin = 0,
    Stdout = 1,
    Stderr = 2,
    Error = 3,
    Resize = 4,
}

impl Channel {
    pub(crate) const ALL: [Self; 5] = [Self::Stdin, Self::Stdout, Self::Stderr, Self::Error, Self::Resize];

    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    /// The value of the `streamType` header.
    pub(crate) fn stream_type(self) -> &'static str {
        ["stdin", "stdout", "stderr", "error", "resize"][usize::from(self.number())]
    }

    fn from_stream_type(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.stream_type() == value)
    }
}

/// Whether the error stream of this protocol carries a `Status`.
fn has_status(protocol: &str) -> bool {
    [V5, V4, V4_BASE64].contains(&protocol)
}

/// Which streams a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The process reads from the client.
    pub stdin: bool,
    /// The client gets standard output.
    pub stdout: bool,
    /// The client gets standard error.
    pub stderr: bool,
    /// The process has a terminal.
    pub tty: bool,
}

/// A request that asks for no stream at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("you must specify at least 1 of stdin, stdout, stderr")]
pub struct NoStreams;

impl Options {
    /// Reads the query of the kubelet's API: `input`, `output`, `error` and `tty`, each `1` when asked
    /// for. With a terminal there is no standard error.
    ///
    /// # Errors
    /// No stream is asked for.
    pub fn from_query(uri: &Uri) -> Result<Self, NoStreams> {
        let mut values = [None; 4];
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let names = ["input", "output", "error", "tty"];
            if let Some(index) = names.iter().position(|have| *have == name) {
                // The first value counts.
                values[index].get_or_insert(value == "1");
            }
        }
        let [stdin, stdout, stderr, tty] = values.map(|value| value == Some(true));
        let options = Self {
            stdin,
            stdout,
            stderr: stderr && !tty,
            tty,
        };
        if options.stdin || options.stdout || options.stderr {
            Ok(options)
        } else {
            Err(NoStreams)
        }
    }

    fn wants(self, channel: Channel) -> bool {
        match channel {
            Channel::Stdin => self.stdin,
            Channel::Stdout => self.stdout,
            Channel::Stderr => self.stderr,
            Channel::Error => true,
            Channel::Resize => self.tty,
        }
    }
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}
