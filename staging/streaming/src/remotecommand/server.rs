//! The server: answers an exec or attach request and gives a handler the process's streams.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use super::resize::{self, pump};
use super::status::Status;
use super::{Channel, Options, STREAM_TYPE, TerminalSize, V1, V2, V5, has_status};
use crate::connections::Connections;
use crate::io::{BoxIo, BoxReader, BoxWriter};
use crate::spdy::{self, Session};
use crate::upgrade::{self, Body};
use crate::websocket::{self, channels};

/// How long a handler may go on after the client has gone, to take what was received before.
const AFTER_CLOSE: Duration = Duration::from_secs(5);

/// Whether a command is run or a running process is joined; its errors are worded by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A command is run.
    Exec,
    /// A running process is joined.
    Attach,
}

/// How a server of remote commands behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The SPDY protocols to accept.
    pub protocols: Vec<&'static str>,
    /// The WebSocket protocols to accept, `""` being none.
    pub websocket_protocols: Vec<&'static str>,
    /// Closes a connection on which nothing is sent or received for so long.
    pub idle_timeout: Duration,
    /// How long a client may take to open its streams.
    pub stream_creation_timeout: Duration,
}

impl Default for ServerConfig {
    /// Upstream's protocols, 4 hours and 30 seconds.
    fn default() -> Self {
        Self {
            protocols: super::SERVER_PROTOCOLS.to_vec(),
            websocket_protocols: super::SERVER_WEBSOCKET_PROTOCOLS.to_vec(),
            idle_timeout: Duration::from_secs(4 * 60 * 60),
            stream_creation_timeout: Duration::from_secs(30),
        }
    }
}

/// What a handler works with. Streams that the client did not ask for are absent.
pub struct ExecStreams {
    /// To the process.
    pub stdin: Option<BoxReader>,
    /// From the process.
    pub stdout: Option<BoxWriter>,
    /// From the process; absent with a terminal.
    pub stderr: Option<BoxWriter>,
    /// Sizes of the client's terminal. Ends when the client will send no more.
    pub resize: mpsc::Receiver<TerminalSize>,
    /// Whether the process has a terminal.
    pub tty: bool,
    /// The negotiated protocol, empty for a WebSocket client that named none.
    pub protocol: &'static str,
    /// Cancelled when the client has gone.
    pub closed: CancellationToken,
}

/// Why a handler failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The process ended with this code, which is not 0; the text says so in words.
    ExitCode(i32, String),
    /// Anything else.
    Error(String),
}

impl Failure {
    fn status(self, kind: Kind) -> Status {
        match (self, kind) {
            (Self::ExitCode(code, detail), Kind::Exec) => Status::exit_code(code, &detail),
            (Self::ExitCode(_, error), Kind::Attach) | (Self::Error(error), Kind::Attach) => {
                Status::internal_error(&format!("error attaching to container: {error}"))
            }
            (Self::Error(error), Kind::Exec) => {
                Status::internal_error(&format!("error executing command in container: {error}"))
            }
        }
    }
}

/// Answers an exec or attach request over SPDY or a WebSocket. The handler runs in `connections`
/// once the client has opened its streams; what it returns becomes the status of the command.
///
/// The handler is dropped some seconds after the client has gone.
pub fn serve<B, F, Fut>(
    mut request: Request<B>,
    kind: Kind,
    options: Options,
    config: ServerConfig,
    connections: &Connections,
    handler: F,
) -> Response<Body>
where
    F: FnOnce(ExecStreams) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let upgraded = hyper::upgrade::on(&mut request);
    let (response, transport) = match begin(&request, &config) {
        Ok(begun) => begun,
        Err(refusal) => return *refusal,
    };
    let owner = connections.clone();
    connections.spawn_until_stop(async move {
        let Some(streams) = transport.streams(upgraded, options, &config, &owner).await else {
            return;
        };
        run(streams, kind, handler).await;
    });
    response
}

/// The transport that a request asks for, and its protocol.
enum Transport {
    Spdy(&'static str),
    WebSocket(&'static str),
}

fn begin<B>(request: &Request<B>, config: &ServerConfig) -> Result<(Response<Body>, Transport), Box<Response<Body>>> {
    if upgrade::is_websocket_request(request.headers()) {
        let accept = upgrade::check_websocket(request)?;
        let protocol = upgrade::negotiate_websocket(request, &config.websocket_protocols)?;
        let response = upgrade::switching_to_websocket(accept, &http::HeaderValue::from_static(protocol));
        Ok((response, Transport::WebSocket(protocol)))
    } else {
        let protocol = upgrade::negotiate_spdy(request, &config.protocols)?;
        Ok((upgrade::switching_to_spdy(protocol), Transport::Spdy(protocol)))
    }
}

impl Transport {
    async fn streams(
        self,
        upgraded: OnUpgrade,
        options: Options,
        config: &ServerConfig,
        connections: &Connections,
    ) -> Option<ServerStreams> {
        let io: BoxIo = match upgraded.await {
            Ok(upgraded) => Box::new(TokioIo::new(upgraded)),
            Err(error) => {
                tracing::debug!(%error, "the connection ended before it was upgraded");
                return None;
            }
        };
        match self {
            Self::Spdy(protocol) => spdy_streams(io, protocol, options, config, connections).await,
            Self::WebSocket(protocol) => {
                let idle = config.idle_timeout;
                Some(ServerStreams::websocket(io, protocol, options, idle, connections).await)
            }
        }
    }
}

/// A connection whose streams are there.
pub(crate) struct ServerStreams {
    pub(crate) exec: ExecStreams,
    pub(crate) error: BoxWriter,
    resize: Option<(BoxReader, mpsc::Sender<TerminalSize>)>,
    connection: Connection,
}

enum Connection {
    Spdy(Session),
    WebSocket(channels::Channels),
}

impl Connection {
    async fn closed(&self) {
        match self {
            Self::Spdy(session) => drop(session.closed().await),
            Self::WebSocket(channels) => channels.ended().cancelled().await,
        }
    }
}

impl ServerStreams {
    pub(crate) async fn websocket(
        io: BoxIo,
        protocol: &'static str,
        options: Options,
        idle_timeout: Duration,
        connections: &Connections,
    ) -> Self {
        let socket = websocket::open(io, Role::Server).await;
        let config = channels::Config {
            codec: if protocol.contains("base64") {
                channels::Codec::Base64
            } else {
                channels::Codec::Binary
            },
            stream_close: protocol == V5,
            announce_close: false,
            readable: vec![options.stdin, false, false, false, true],
            idle_timeout: Some(idle_timeout),
            heartbeat: None,
        };
        let (channels, readers) = channels::Channels::start(socket, config, connections);
        let mut readers = readers
            .into_iter()
            .map(|reader| reader.map(|reader| Box::new(reader) as BoxReader));
        let writer = |channel: Channel| -> BoxWriter { Box::new(channels.writer(channel.number())) };
        let greeted = [Channel::Stdout, Channel::Stderr]
            .into_iter()
            .find(|channel| options.wants(*channel))
            .unwrap_or(Channel::Error);
        channels.greet(greeted.number()).await;
        let (sender, resize) = mpsc::channel(resize::BACKLOG);
        Self {
            exec: ExecStreams {
                stdin: readers.next().flatten(),
                stdout: options.stdout.then(|| writer(Channel::Stdout)),
                stderr: options.stderr.then(|| writer(Channel::Stderr)),
                resize,
                tty: options.tty,
                protocol,
                closed: channels.ended(),
            },
            error: writer(Channel::Error),
            resize: readers.next_back().flatten().map(|reader| (reader, sender)),
            connection: Connection::WebSocket(channels),
        }
    }

    /// Runs `work` beside the connection's own work; `None` when the connection ended before it.
    pub(crate) async fn attend<T>(
        connection: &ServerConnection,
        resize: Option<(BoxReader, mpsc::Sender<TerminalSize>)>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let resizing = async {
            if let Some((reader, sender)) = resize {
                pump(reader, sender).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            done = &mut work => return Some(done),
            () = resizing => {}
            () = connection.0.closed() => {}
        }
        timeout(AFTER_CLOSE, work).await.ok()
    }

    /// The parts: the process's streams, the error stream, the resize stream and the connection.
    pub(crate) fn into_parts(
        self,
    ) -> (
        ExecStreams,
        BoxWriter,
        Option<(BoxReader, mpsc::Sender<TerminalSize>)>,
        ServerConnection,
    ) {
        (self.exec, self.error, self.resize, ServerConnection(self.connection))
    }
}

/// What keeps a connection open.
pub(crate) struct ServerConnection(Connection);

async fn spdy_streams(
    io: BoxIo,
    protocol: &'static str,
    options: Options,
    config: &ServerConfig,
    connections: &Connections,
) -> Option<ServerStreams> {
    let timers = spdy::Config {
        idle_timeout: Some(config.idle_timeout),
        ping_period: None,
    };
    let (session, mut incoming) = Session::server(io, timers, connections);
    let resizes = ![V1, V2].contains(&protocol);
    let missing: Vec<Channel> = Channel::ALL
        .into_iter()
        .filter(|channel| options.wants(*channel) && (*channel != Channel::Resize || resizes))
        .collect();
    let mut streams: [Option<spdy::Stream>; 5] = Default::default();
    let collect = collect(&mut incoming, missing, &mut streams);
    match timeout(config.stream_creation_timeout, collect).await {
        Ok(Some(())) => {}
        Ok(None) => return None,
        Err(_) => {
            tracing::warn!("timed out waiting for client to create streams");
            return None;
        }
    }
    let [stdin, stdout, stderr, error, resize_stream] = streams;
    let writer = |stream: spdy::Stream| -> BoxWriter { Box::new(stream.into_split().1) };
    let reader = |stream: spdy::Stream| -> BoxReader { Box::new(stream.into_split().0) };
    let (sender, resize) = mpsc::channel(resize::BACKLOG);
    let closed = session.ended();
    Some(ServerStreams {
        exec: ExecStreams {
            stdin: stdin.map(reader),
            stdout: stdout.map(writer),
            stderr: stderr.map(writer),
            resize,
            tty: options.tty,
            protocol,
            closed,
        },
        error: writer(error?),
        resize: resize_stream.map(|stream| (reader(stream), sender)),
        connection: Connection::Spdy(session),
    })
}

/// Accepts streams until none is missing; `None` when the session ends before that.
async fn collect(
    incoming: &mut spdy::Incoming,
    mut missing: Vec<Channel>,
    streams: &mut [Option<spdy::Stream>; 5],
) -> Option<()> {
    while !missing.is_empty() {
        let stream = incoming.next().await?;
        let channel = stream.headers().get(STREAM_TYPE).and_then(Channel::from_stream_type);
        let Some(index) = missing.iter().position(|have| Some(*have) == channel) else {
            tracing::warn!(headers = ?stream.headers(), "unexpected stream type");
            stream.refuse();
            continue;
        };
        let channel = missing.swap_remove(index);
        streams[usize::from(channel.number())] = Some(stream.accept().ok()?);
    }
    Some(())
}

async fn run<F, Fut>(streams: ServerStreams, kind: Kind, handler: F)
where
    F: FnOnce(ExecStreams) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let (exec, mut error, resize, connection) = streams.into_parts();
    let protocol = exec.protocol;
    let Some(result) = ServerStreams::attend(&connection, resize, handler(exec)).await else {
        return;
    };
    let status = match result {
        Ok(()) => Status::success(),
        Err(failure) => failure.status(kind),
    };
    if let Err(error) = write_status(&mut error, protocol, &status).await {
        tracing::debug!(%error, "the client went before it could be told the status");
    }
}

/// Writes the status in the protocol's form and ends the error stream.
pub(crate) async fn write_status(error: &mut BoxWriter, protocol: &str, status: &Status) -> std::io::Result<()> {
    if has_status(protocol) {
        let json = serde_json::to_vec(status).expect("a status is always JSON");
        error.write_all(&json).await?;
    } else if !status.is_success() {
        error.write_all(status.message.as_bytes()).await?;
    }
    error.shutdown().await
}
