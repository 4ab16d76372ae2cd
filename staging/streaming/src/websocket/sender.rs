//! WebSockets on which only the server speaks: byte streams cut into messages (logs), and messages (watches).
//!
//! Corresponds to `wsstream.Reader` and to the WebSocket side of upstream's watch handler. What the client sends is read and
//! forgotten; its close ends the sending.

use std::pin::pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, Stream, StreamExt};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use super::Socket;
use crate::connections::{Connections, LINGER};
use crate::upgrade::{self, Body};

/// In what kind of frames messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As text.
    Text,
    /// As they are.
    Binary,
}

impl Framing {
    fn message(self, bytes: Bytes) -> Message {
        let text = (self == Self::Text).then(|| Utf8Bytes::try_from(bytes.clone()));
        match text {
            Some(Ok(text)) => Message::Text(text),
            // What is no text cannot be sent as such.
            _ => Message::Binary(bytes),
        }
    }
}

/// What is read is sent as it is.
const BINARY: &str = "binary.k8s.io";
/// What is read is sent as text, in base64.
const BASE64: &str = "base64.binary.k8s.io";
/// The subprotocols of a byte stream; none is [`BINARY`].
const READER_PROTOCOLS: [&str; 3] = ["", BINARY, BASE64];
/// The most bytes of a stream in one message.
const PIECE: usize = 2048;

/// Answers a request with a WebSocket that carries a byte stream, in the form of the subprotocol that the client chooses:
/// first an empty message, then pieces of at most 2048 bytes. The socket is closed with the stream's end or failure.
pub fn serve_bytes<B, S, E>(request: Request<B>, bytes: S, connections: &Connections) -> Response<Body>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::fmt::Display + Send,
{
    let begun = upgrade::check_websocket(&request)
        .and_then(|accept| Ok((accept, upgrade::negotiate_websocket(&request, &READER_PROTOCOLS)?)));
    let (accept, protocol) = match begun {
        Ok(begun) => begun,
        Err(refusal) => return *refusal,
    };
    let message = match protocol {
        BASE64 => |piece: Bytes| Message::Text(STANDARD.encode(&piece).into()),
        _ => |piece: Bytes| Message::Binary(piece),
    };
    let whole = bytes.scan((), |(), bytes| {
        let bytes = bytes.inspect_err(|error| tracing::warn!(%error, "what a WebSocket carries has ended"));
        std::future::ready(bytes.ok())
    });
    let pieces = whole.flat_map(|bytes| futures::stream::iter(pieces(bytes)));
    let greeting = futures::stream::once(std::future::ready(Bytes::new()));
    let response = upgrade::switching_to_websocket(accept, &HeaderValue::from_static(protocol));
    start(request, greeting.chain(pieces).map(message), connections);
    response
}

/// Answers a request with a WebSocket that carries these messages, under the one subprotocol that the client names, if any.
/// The client has to say its origin, as a browser does.
pub fn serve_messages<B, S>(
    request: Request<B>,
    framing: Framing,
    messages: S,
    connections: &Connections,
) -> Response<Body>
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let accept = match upgrade::check_websocket(&request) {
        Ok(accept) => accept,
        Err(refusal) => return *refusal,
    };
    if !names_origin(request.headers()) {
        return refusal(StatusCode::FORBIDDEN);
    }
    let offered = upgrade::websocket_protocols(request.headers());
    let protocol = match offered.as_slice() {
        [] => HeaderValue::from_static(""),
        [one] => match HeaderValue::from_str(one) {
            Ok(protocol) => protocol,
            Err(_) => return refusal(StatusCode::BAD_REQUEST),
        },
        _ => return refusal(StatusCode::BAD_REQUEST),
    };
    start(request, messages.map(move |bytes| framing.message(bytes)), connections);
    upgrade::switching_to_websocket(accept, &protocol)
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(upgrade::empty());
    *response.status_mut() = status;
    response
}

/// Whether there is an origin, and it is a URI with a scheme or an absolute path.
fn names_origin(headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| {
        let uri = origin.parse::<http::Uri>();
        uri.is_ok_and(|uri| uri.scheme().is_some() || origin.starts_with('/'))
    })
}

fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(PIECE))))
}

/// Sends the messages once the connection has become a WebSocket.
fn start<B, S>(mut request: Request<B>, messages: S, connections: &Connections)
where
    S: Stream<Item = Message> + Send + 'static,
{
    let upgraded = hyper::upgrade::on(&mut request);
    connections.spawn_until_stop(async move {
        match upgraded.await {
            Ok(upgraded) => {
                run(
                    super::open(Box::new(TokioIo::new(upgraded)), Role::Server).await,
                    messages,
                )
                .await
            }
            Err(error) => tracing::debug!(%error, "the connection ended before it was upgraded"),
        }
    });
}

async fn run<S: Stream<Item = Message>>(socket: Socket, messages: S) {
    let (mut sink, mut stream) = socket.split();
    let finished = tokio::select! {
        sent = send(&mut sink, messages) => sent,
        () = forget(&mut stream) => false,
    };
    let close = async {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        // The peer may have gone; there is nobody else to tell.
        if finished && sink.send(Message::Close(Some(frame))).await.is_ok() {
            forget(&mut stream).await;
        }
        // Flushes the answer to the peer's close, if there is one.
        let _ = sink.close().await;
    };
    // A peer that does not answer is left.
    let _ = timeout(LINGER, close).await;
}

/// Sends everything; false if the peer does not take it.
async fn send(sink: &mut SplitSink<Socket, Message>, messages: impl Stream<Item = Message>) -> bool {
    let mut messages = pin!(messages);
    while let Some(message) = messages.next().await {
        if let Err(error) = sink.send(message).await {
            tracing::debug!(%error, "a WebSocket's peer has gone");
            return false;
        }
    }
    true
}

/// Reads and forgets until the peer's close or end.
async fn forget(stream: &mut SplitStream<Socket>) {
    while let Some(Ok(message)) = stream.next().await {
        if message.is_close() {
            return;
        }
    }
}
