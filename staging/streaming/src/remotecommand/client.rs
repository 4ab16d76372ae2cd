//! The client: runs a command or attaches to one, over a WebSocket or SPDY.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::status::Outcome;
use super::{CLIENT_PROTOCOLS, Channel, Options, STREAM_TYPE, Status, TerminalSize, V1, V2, V5, has_status};
use crate::dial::{DialError, Endpoint};
use crate::io::{BoxReader, BoxWriter, copy};
use crate::spdy::{Headers, Session, SessionError};
use crate::websocket::channels::{Channels, Codec, Config};

/// How often a WebSocket client sends a ping, and how long it waits for any sign of life.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(61));

/// The longest message on the error stream that is read.
const MAX_MESSAGE: u64 = 1024 * 1024;

/// What the client connects to the process. Absent streams are not asked for.
#[derive(Default)]
pub struct StreamOptions {
    /// To the process.
    pub stdin: Option<BoxReader>,
    /// From the process.
    pub stdout: Option<BoxWriter>,
    /// From the process; ignored with a terminal.
    pub stderr: Option<BoxWriter>,
    /// Whether the process has a terminal.
    pub tty: bool,
    /// Sizes of the terminal, sent when there is one.
    pub resize: Option<mpsc::Receiver<TerminalSize>>,
}

/// How a remote command failed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteCommandError {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// A stream could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The process ended with this code.
    #[error("command terminated with exit code {0}")]
    Exit(u8),
    /// The server failed, in its words.
    #[error("{}", .0.message)]
    Status(Box<Status>),
    /// The server failed, in its words, with a protocol that has no status.
    #[error("error executing remote command: {0}")]
    Remote(String),
    /// What came on the error stream is no status.
    #[error("error stream protocol error: {0}")]
    Protocol(String),
    /// The connection was lost before the status came.
    #[error("error reading from error stream: {0}")]
    ErrorStream(#[source] std::io::Error),
}

/// Runs over a WebSocket, and over SPDY when the server does not upgrade to a WebSocket.
///
/// # Errors
/// See [`RemoteCommandError`]; a command that fails is one, too.
pub async fn stream(endpoint: &Endpoint, options: StreamOptions) -> Result<(), RemoteCommandError> {
    match websocket(endpoint, options.wanted()).await {
        Ok((_channels, streams)) => run(streams, options, V5).await,
        Err(error) if error.is_upgrade_failure() => {
            tracing::debug!(%error, "falling back to SPDY");
            stream_over_spdy(endpoint, options, &CLIENT_PROTOCOLS, None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Runs over a WebSocket only.
///
/// # Errors
/// See [`RemoteCommandError`].
pub async fn stream_over_websocket(endpoint: &Endpoint, options: StreamOptions) -> Result<(), RemoteCommandError> {
    let (_channels, streams) = websocket(endpoint, options.wanted()).await?;
    run(streams, options, V5).await
}

/// Runs over SPDY only, offering the given protocols.
///
/// # Errors
/// See [`RemoteCommandError`].
pub async fn stream_over_spdy(
    endpoint: &Endpoint,
    options: StreamOptions,
    protocols: &[&str],
    ping_period: Option<Duration>,
) -> Result<(), RemoteCommandError> {
    let (session, protocol) = endpoint.dial_spdy(protocols, ping_period).await?;
    let protocol = if protocol.is_empty() { V1 } else { &protocol };
    let streams = open_spdy(&session, options.wanted(), protocol).await?;
    run(streams, options, protocol).await
}

/// The far ends of the streams.
struct Remote {
    error: BoxReader,
    stdin: Option<BoxWriter>,
    stdout: Option<BoxReader>,
    stderr: Option<BoxReader>,
    resize: Option<BoxWriter>,
}

impl StreamOptions {
    /// The streams that there will be.
    fn wanted(&self) -> Options {
        Options {
            stdin: self.stdin.is_some(),
            stdout: self.stdout.is_some(),
            stderr: self.stderr.is_some() && !self.tty,
            tty: self.tty,
        }
    }
}

async fn websocket(endpoint: &Endpoint, options: Options) -> Result<(Channels, Remote), DialError> {
    let (socket, _) = endpoint.dial_websocket(&[V5]).await?;
    let config = Config {
        codec: Codec::Binary,
        stream_close: false,
        announce_close: true,
        readable: vec![false, options.stdout, options.stderr, true],
        idle_timeout: None,
        heartbeat: Some(HEARTBEAT),
    };
    let (channels, readers) = Channels::start(socket, config, &endpoint.connections);
    let mut readers = readers
        .into_iter()
        .map(|reader| reader.map(|reader| Box::new(reader) as BoxReader));
    let writer = |channel: Channel| -> BoxWriter { Box::new(channels.writer(channel.number())) };
    let error = readers.next_back().flatten().expect("the error channel is readable");
    let remote = Remote {
        error,
        stdin: options.stdin.then(|| writer(Channel::Stdin)),
        stdout: readers.nth(usize::from(Channel::Stdout.number())).flatten(),
        stderr: readers.next().flatten(),
        resize: options.tty.then(|| writer(Channel::Resize)),
    };
    Ok((channels, remote))
}

async fn open_spdy(session: &Session, options: Options, protocol: &str) -> Result<Remote, SessionError> {
    let open = async |channel: Channel, wanted: bool| {
        if !wanted {
            return Ok(None);
        }
        let headers = Headers::new([(STREAM_TYPE, channel.stream_type())]);
        let stream = session.open(headers).await?;
        Ok::<_, SessionError>(Some(stream.into_split()))
    };
    // The order is Go's.
    let error = open(Channel::Error, true).await?.expect("it is wanted");
    let stdin = open(Channel::Stdin, options.stdin).await?;
    let stdout = open(Channel::Stdout, options.stdout).await?;
    let stderr = open(Channel::Stderr, options.stderr).await?;
    let resizes = options.tty && ![V1, V2].contains(&protocol);
    let resize = open(Channel::Resize, resizes).await?;
    Ok(Remote {
        error: Box::new(error.0),
        stdin: stdin.map(|(_, writer)| Box::new(writer) as BoxWriter),
        stdout: stdout.map(|(reader, _)| Box::new(reader) as BoxReader),
        stderr: stderr.map(|(reader, _)| Box::new(reader) as BoxReader),
        resize: resize.map(|(_, writer)| Box::new(writer) as BoxWriter),
    })
}

async fn run(mut remote: Remote, options: StreamOptions, protocol: &str) -> Result<(), RemoteCommandError> {
    let input = async {
        tokio::join!(
            send_stdin(options.stdin, remote.stdin.take()),
            send_sizes(options.resize, remote.resize.take())
        );
        std::future::pending().await
    };
    let mut message = Vec::new();
    let mut error = remote.error.take(MAX_MESSAGE);
    let output = async {
        tokio::join!(
            receive(remote.stdout, options.stdout),
            receive(remote.stderr, options.stderr),
            error.read_to_end(&mut message)
        )
        .2
    };
    let read = tokio::select! {
        read = output => read,
        () = input => unreachable!("it waits forever after its end"),
    };
    read.map_err(RemoteCommandError::ErrorStream)?;
    decode(&message, protocol)
}

fn decode(message: &[u8], protocol: &str) -> Result<(), RemoteCommandError> {
    if message.is_empty() {
        return Ok(());
    }
    if !has_status(protocol) {
        let text = String::from_utf8_lossy(message).into_owned();
        return Err(RemoteCommandError::Remote(text));
    }
    match Status::outcome(message) {
        Outcome::Success => Ok(()),
        Outcome::Exit(code) => Err(RemoteCommandError::Exit(code)),
        Outcome::Failure(status) => Err(RemoteCommandError::Status(Box::new(status))),
        Outcome::Invalid(text) => Err(RemoteCommandError::Protocol(text)),
    }
}

async fn send_stdin(from: Option<BoxReader>, to: Option<BoxWriter>) {
    if let (Some(mut from), Some(mut to)) = (from, to) {
        if let Err(error) = copy(&mut from, &mut to, None).await {
            tracing::debug!(?error, "copying stdin failed");
        }
        // The server learns that there is no more; when it has gone, it need not.
        let _ = to.shutdown().await;
        // The stream stays until the command's end: its reset would cut off what the process still reads.
        std::future::pending().await
    }
}

async fn send_sizes(sizes: Option<mpsc::Receiver<TerminalSize>>, to: Option<BoxWriter>) {
    if let (Some(mut sizes), Some(mut to)) = (sizes, to) {
        while let Some(size) = sizes.recv().await {
            let mut json = serde_json::to_vec(&size).expect("a size is always JSON");
            json.push(b'\n');
            if to.write_all(&json).await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }
}

/// Copies output. When it cannot be written, the rest is read and forgotten, so that the connection goes on.
async fn receive(from: Option<BoxReader>, to: Option<BoxWriter>) {
    if let (Some(mut from), Some(mut to)) = (from, to) {
        if let Err(error) = copy(&mut from, &mut to, None).await {
            tracing::debug!(?error, "copying output failed");
            while matches!(from.read(&mut [0; 4096]).await, Ok(1..)) {}
        }
        if let Err(error) = to.flush().await {
            tracing::debug!(%error, "flushing output failed");
        }
    }
}
