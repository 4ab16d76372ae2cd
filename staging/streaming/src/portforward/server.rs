//! The server: pairs streams and joins each pair with a connection that the caller makes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{DATA, ERROR, PORT, REQUEST_ID, STREAM_TYPE, V1, parse_u16};
use crate::connections::Connections;
use crate::io::{BoxIo, CopyError, copy};
use crate::remotecommand::{V4, V4_BASE64};
use crate::spdy::{self, IncomingStream, Session, Stream};
use crate::upgrade::{self, Body, TUNNEL_PREFIX};
use crate::websocket::{self, Tunnel, channels};

/// Pairs that may wait for their second stream.
const MAX_WAITING: usize = 1024;

/// How a server of port-forwards behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What errors call the target: `pod default/web, uid 1234`.
    pub target: String,
    /// The ports of a legacy WebSocket request, see [`super::ports_from_query`]; else empty.
    pub ports: Vec<u16>,
    /// Closes a connection on which nothing is sent or received for so long.
    pub idle_timeout: Duration,
    /// How long a client may take to open the second stream of a pair.
    pub stream_creation_timeout: Duration,
}

impl Default for ServerConfig {
    /// 4 hours and 30 seconds.
    fn default() -> Self {
        Self {
            target: "pod".to_owned(),
            ports: Vec::new(),
            idle_timeout: Duration::from_secs(4 * 60 * 60),
            stream_creation_timeout: Duration::from_secs(30),
        }
    }
}

type Connect = Arc<dyn Fn(u16) -> BoxFuture<'static, io::Result<BoxIo>> + Send + Sync>;

/// How the request wants its streams.
enum Transport {
    Spdy,
    Tunnel,
    Channels(channels::Codec),
}

/// Answers a port-forward request over SPDY, over SPDY in a WebSocket, or over legacy WebSocket
/// channels. `connect` makes the connection to a port of the target.
pub fn serve<B, F, Fut>(
    mut request: Request<B>,
    config: ServerConfig,
    connections: &Connections,
    connect: F,
) -> Response<Body>
where
    F: Fn(u16) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<BoxIo>> + Send + 'static,
{
    let upgraded = hyper::upgrade::on(&mut request);
    let (response, transport) = match begin(&request) {
        Ok(begun) => begun,
        Err(refusal) => return *refusal,
    };
    let connect: Connect = Arc::new(move |port| Box::pin(connect(port)));
    let owner = connections.clone();
    connections.spawn_until_stop(async move {
        let io: BoxIo = match upgraded.await {
            Ok(upgraded) => Box::new(TokioIo::new(upgraded)),
            Err(error) => {
                tracing::debug!(%error, "the connection ended before it was upgraded");
                return;
            }
        };
        match transport {
            Transport::Spdy => serve_spdy(io, config, &owner, connect).await,
            Transport::Tunnel => {
                let tunnel = Tunnel::new(websocket::open(io, Role::Server).await);
                serve_spdy(tunnel, config, &owner, connect).await;
            }
            Transport::Channels(codec) => serve_channels(io, codec, config, &owner, connect).await,
        }
    });
    response
}

fn begin<B>(request: &Request<B>) -> Result<(Response<Body>, Transport), Box<Response<Body>>> {
    let headers = request.headers();
    if !upgrade::is_websocket_request(headers) {
        let protocol = upgrade::negotiate_spdy(request, &[V1])?;
        return Ok((upgrade::switching_to_spdy(protocol), Transport::Spdy));
    }
    let accept = upgrade::check_websocket(request)?;
    if upgrade::tunneled_protocols(headers)
        .iter()
        .any(|protocol| protocol == V1)
    {
        let protocol =
            HeaderValue::from_str(&format!("{TUNNEL_PREFIX}{V1}")).expect("protocol names are header values");
        return Ok((upgrade::switching_to_websocket(accept, &protocol), Transport::Tunnel));
    }
    let protocol = upgrade::negotiate_websocket(request, &[V4, V4_BASE64, ""])?;
    let codec = if protocol == V4_BASE64 {
        channels::Codec::Base64
    } else {
        channels::Codec::Binary
    };
    let response = upgrade::switching_to_websocket(accept, &HeaderValue::from_static(protocol));
    Ok((response, Transport::Channels(codec)))
}

/// A pair that waits for its second stream.
struct Waiting {
    stream: Stream,
    is_data: bool,
    deadline: Instant,
}

async fn serve_spdy<I>(io: I, config: ServerConfig, connections: &Connections, connect: Connect)
where
    I: AsyncRead + AsyncWrite + Send + 'static,
{
    let timers = spdy::Config {
        idle_timeout: Some(config.idle_timeout),
        ping_period: None,
    };
    let (session, mut incoming) = Session::server(io, timers, connections);
    let mut waiting: HashMap<String, Waiting> = HashMap::new();
    // Dropped, and with it every forwarded connection, when the session ends.
    let mut forwarded = JoinSet::new();
    loop {
        let next_deadline = waiting.values().map(|pair| pair.deadline).min();
        let expired = async {
            match next_deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stream = incoming.next() => {
                let Some(stream) = stream else { return };
                let Some((port, data, error)) = pair(stream, &mut waiting, &config).await else {
                    continue;
                };
                let (connect, target) = (Arc::clone(&connect), config.target.clone());
                forwarded.spawn(async move { forward(port, data, error, connect, &target).await });
            }
            _ = session.closed() => return,
            () = expired => expire(&mut waiting).await,
            Some(done) = forwarded.join_next() => {
                if let Err(error) = done {
                    tracing::error!(%error, "a forwarded connection's task failed");
                }
            }
        }
    }
}

async fn expire(waiting: &mut HashMap<String, Waiting>) {
    let now = Instant::now();
    let late: Vec<String> = waiting
        .iter()
        .filter(|(_, pair)| pair.deadline <= now)
        .map(|(id, _)| id.clone())
        .collect();
    for id in late {
        tracing::warn!(request = id, "timed out waiting for streams");
        if let Some(mut pair) = waiting.remove(&id).filter(|pair| !pair.is_data) {
            tell(
                &mut pair.stream,
                &format!("(request={id}) timed out waiting for streams"),
            )
            .await;
        }
    }
}

/// Checks and accepts a stream; gives its pair when it is complete: port, data, error.
async fn pair(
    stream: IncomingStream,
    waiting: &mut HashMap<String, Waiting>,
    config: &ServerConfig,
) -> Option<(u16, Stream, Stream)> {
    let (port, is_data) = match check(&stream) {
        Ok(checked) => checked,
        Err(reason) => {
            tracing::warn!(reason, "stream rejected");
            stream.refuse();
            return None;
        }
    };
    let id = request_id(&stream, is_data);
    if waiting.len() >= MAX_WAITING && !waiting.contains_key(&id) {
        tracing::warn!("too many incomplete stream pairs");
        stream.refuse();
        return None;
    }
    // The session has ended otherwise, which the caller notices.
    let mut stream = stream.accept().ok()?;
    match waiting.remove(&id) {
        None => {
            let deadline = Instant::now() + config.stream_creation_timeout;
            waiting.insert(
                id,
                Waiting {
                    stream,
                    is_data,
                    deadline,
                },
            );
            None
        }
        Some(mut first) if first.is_data == is_data => {
            let kind = if is_data { DATA } else { ERROR };
            let message = format!("error processing stream for request {id}: {kind} stream already assigned");
            tracing::warn!("{message}");
            let told = if is_data { None } else { Some(&mut first.stream) };
            if let Some(error) = told {
                tell(error, &message).await;
            } else {
                stream.reset();
            }
            waiting.insert(id, first);
            None
        }
        Some(first) if is_data => Some((port, stream, first.stream)),
        Some(first) => {
            let data_port = first.stream.headers().get(PORT).and_then(|port| parse_u16(port).ok());
            // The error stream goes on being written to, so the halves stay together.
            let _ = stream.flush().await;
            Some((data_port.unwrap_or(port), first.stream, stream))
        }
    }
}

/// The stream's port and whether it carries data.
fn check(stream: &IncomingStream) -> Result<(u16, bool), String> {
    let headers = stream.headers();
    let port = match headers.get(PORT) {
        None | Some("") => return Err("\"port\" header is required".to_owned()),
        Some(port) => port,
    };
    let number = match parse_u16(port) {
        Ok(0) => return Err(format!("port {port:?} must be > 0")),
        Ok(number) => number,
        Err(why) => return Err(format!("unable to parse {port:?} as a port: {why}")),
    };
    match headers.get(STREAM_TYPE) {
        Some(DATA) => Ok((number, true)),
        Some(ERROR) => Ok((number, false)),
        None | Some("") => Err("\"streamType\" header is required".to_owned()),
        Some(other) => Err(format!("invalid stream type {other:?}")),
    }
}

/// The id that the pair shares. Clients from before there were ids open the error stream right
/// before the data stream.
fn request_id(stream: &IncomingStream, is_data: bool) -> String {
    match stream.headers().get(REQUEST_ID) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ if is_data => stream.id().saturating_sub(2).to_string(),
        _ => stream.id().to_string(),
    }
}

/// Writes to an error stream. A client that has gone is not told.
async fn tell<W: AsyncWrite + Unpin>(error: &mut W, message: &str) {
    if error.write_all(message.as_bytes()).await.is_ok() {
        // As above.
        let _ = error.shutdown().await;
    }
}

async fn forward(port: u16, data: Stream, mut error: Stream, connect: Connect, target: &str) {
    let (mut reader, mut writer) = data.into_split();
    match join(port, &mut reader, &mut writer, &connect, true).await {
        Ok(()) => {
            // The client may have gone.
            let _ = error.shutdown().await;
        }
        Err(reason) => {
            let message = format!("error forwarding port {port} to {target}: {reason}");
            tracing::debug!("{message}");
            tell(&mut error, &message).await;
            writer.reset();
        }
    }
}

/// Joins a data stream with a new connection. Only what goes wrong on the connection is an error:
/// a client that leaves is none.
async fn join<R, W>(port: u16, reader: &mut R, writer: &mut W, connect: &Connect, half_close: bool) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut target_reader, mut target_writer) = tokio::io::split(connect(port).await?);
    let mut up = std::pin::pin!(async {
        match copy(reader, &mut target_writer, None).await {
            Ok(()) => target_writer.shutdown().await,
            Err(CopyError::Read(_)) => Ok(()),
            Err(CopyError::Write(error)) => Err(error),
        }
    });
    let mut down = std::pin::pin!(async {
        match copy(&mut target_reader, writer, None).await {
            Ok(()) | Err(CopyError::Write(_)) => {
                // A client that has gone needs no end.
                let _ = writer.shutdown().await;
                Ok(())
            }
            Err(CopyError::Read(error)) => Err(error),
        }
    });
    tokio::select! {
        sent = &mut up => {
            sent?;
            down.await
        }
        received = &mut down => {
            received?;
            // A target that has ended its side and resets what it still gets has not failed.
            if half_close && let Err(error) = up.await {
                tracing::debug!(%error, "the target closed before the client");
            }
            Ok(())
        }
    }
}

async fn serve_channels(
    io: BoxIo,
    codec: channels::Codec,
    config: ServerConfig,
    connections: &Connections,
    connect: Connect,
) {
    let socket = websocket::open(io, Role::Server).await;
    let settings = channels::Config {
        codec,
        stream_close: false,
        announce_close: false,
        readable: config.ports.iter().flat_map(|_| [true, false]).collect(),
        idle_timeout: Some(config.idle_timeout),
        heartbeat: None,
    };
    let (channels, readers) = channels::Channels::start(socket, settings, connections);
    let mut forwarded = JoinSet::new();
    // A channel's number is one byte.
    let numbers = (0..=u8::MAX).step_by(2);
    for ((port, reader), number) in config.ports.iter().zip(readers.into_iter().flatten()).zip(numbers) {
        let (mut data, mut error) = (channels.writer(number), channels.writer(number + 1));
        let (port, target, connect) = (*port, config.target.clone(), Arc::clone(&connect));
        forwarded.spawn(async move {
            let mut reader = reader;
            for writer in [&mut data, &mut error] {
                if writer.write_all(&port.to_le_bytes()).await.is_err() {
                    return;
                }
            }
            if let Err(reason) = join(port, &mut reader, &mut data, &connect, false).await {
                let message = format!("error forwarding port {port} to {target}: {reason}");
                tracing::debug!("{message}");
                tell(&mut error, &message).await;
            }
        });
    }
    tokio::select! {
        results = forwarded.join_all() => drop(results),
        () = channels.ended().cancelled_owned() => {}
    }
}
