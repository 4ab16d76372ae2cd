//! Connections to the streaming subresources of pods, and processes in containers with our streams.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waker, Poll};

use apimachinery::status::StatusError;
use serde_json::Value;
use streaming::remotecommand::{RemoteCommandError, Status, StreamOptions, TerminalSize, stream};
use streaming::{BoxIo, BoxReader, BoxWriter, Connections, DialError, Endpoint};
use tokio::io::AsyncWrite;

use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, Input, IoStreams, Output, Result, message};

use super::terminal::{self, RawTerminal};
use crate::frame::Context;

/// Where a subresource of a pod is streamed.
///
/// # Errors
/// There is no usable configuration.
pub(crate) async fn endpoint(
    context: &Context,
    pod: &Value,
    subresource: &str,
    query: &[(&str, &str)],
) -> Result<Endpoint> {
    let client = context.factory.client()?;
    let headers = client.identity_headers().await?;
    let mut url = url::Url::parse(client.base_url()).map_err(|error| message!("{error}"))?;
    let path = format!(
        "{}/api/v1/namespaces/{}/pods/{}/{subresource}",
        url.path().trim_end_matches('/'),
        text_at(pod, &["metadata", "namespace"]),
        text_at(pod, &["metadata", "name"]),
    );
    url.set_path(&path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let uri = url.as_str().parse().map_err(|error| message!("{error}"))?;
    let connector = move || {
        let client = client.clone();
        async move {
            let connection = client.dial().await.map_err(io::Error::other)?;
            Ok(Box::new(connection) as BoxIo)
        }
    };
    Ok(Endpoint {
        connector: Arc::new(connector),
        uri,
        headers,
        connections: Connections::new(),
    })
}

/// What the user is told when a connection is not upgraded.
pub(crate) fn dial_error(error: &DialError) -> CommandError {
    let status = match error {
        DialError::Refused { status, .. } | DialError::Handshake { status, .. } => status.as_deref(),
        DialError::Connect(_) | DialError::Exchange(_) => None,
    };
    status.and_then(from_server).unwrap_or_else(|| message!("{error}"))
}

/// The server's status as one of its errors.
fn from_server(status: &Status) -> Option<CommandError> {
    let status = serde_json::to_value(status).ok()?;
    let status: k8s_api::meta::v1::Status = serde_json::from_value(status).ok()?;
    Some(StatusError::from(status).into())
}

/// What the user is told when a remote process fails, and the exit code: the process's own.
fn remote_error(error: RemoteCommandError) -> CommandError {
    match error {
        RemoteCommandError::Exit(code) => CommandError::ExitWith {
            message: format!("command terminated with exit code {code}"),
            code,
        },
        RemoteCommandError::Dial(error) => dial_error(&error),
        other => message!("{other}"),
    }
}

/// Streams until a remote process ends.
///
/// # Errors
/// The process failed, or could not be reached.
pub(crate) async fn run(endpoint: &Endpoint, options: StreamOptions) -> Result<()> {
    stream(endpoint, options).await.map_err(remote_error)
}

/// One of the command's outputs as a place to copy a stream to.
struct Sink(Output);

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, _waker: &mut Waker<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _waker: &mut Waker<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, waker: &mut Waker<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(waker)
    }
}

/// An output as a place to copy a stream to.
pub(crate) fn writer(output: &Output) -> BoxWriter {
    Box::new(Sink(output.clone()))
}

/// The command's input as a stream.
pub(crate) fn reader(input: &Input) -> BoxReader {
    match input {
        Input::Stdin => Box::new(tokio::io::stdin()),
        Input::Memory(text) => Box::new(io::Cursor::new(text.clone())),
    }
}

/// How a remote process and the user's terminal go together.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Whether input is passed on.
    pub(crate) stdin: bool,
    /// Whether the remote process has a terminal, which ours is for as long.
    pub(crate) raw: bool,
}

impl Terminal {
    /// Adds to the query of a request which streams are wanted.
    pub(crate) fn add_streams(&self, query: &mut Vec<(&str, &str)>) {
        for (name, wanted) in [
            ("stdin", self.stdin),
            ("stdout", true),
            ("stderr", !self.raw),
            ("tty", self.raw),
        ] {
            if wanted {
                query.push((name, "true"));
            }
        }
    }

    /// What becomes of `-i` and `-t`; whoever has no terminal is told.
    ///
    /// # Errors
    /// Nobody reads what is told.
    pub(crate) fn set_up(stdin: bool, tty: bool, quiet: bool, streams: &IoStreams) -> Result<Self> {
        let raw = stdin && tty && streams.input.is_terminal();
        if stdin && tty && !raw && !quiet {
            streams
                .err
                .print("Unable to use a TTY - input is not a terminal or the right kind of file\n")?;
        }
        Ok(Self { stdin, raw })
    }

    /// Streams until the remote process ends.
    ///
    /// # Errors
    /// The process failed, or could not be reached.
    pub(crate) async fn run(&self, endpoint: &Endpoint, streams: &IoStreams, sizes: Vec<TerminalSize>) -> Result<()> {
        let options = StreamOptions {
            stdin: self.stdin.then(|| reader(&streams.input)),
            stdout: Some(writer(&streams.out)),
            stderr: (!self.raw).then(|| writer(&streams.err)),
            tty: self.raw,
            resize: self.raw.then(|| terminal::sizes(sizes)),
        };
        let restored = self.raw.then(RawTerminal::enter).transpose()?;
        let result = run(endpoint, options).await;
        drop(restored);
        result
    }
}
