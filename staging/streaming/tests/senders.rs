//! WebSockets on which only the server speaks.

#![expect(clippy::unwrap_used, reason = "what a test needs and cannot get ends it")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use streaming::Connections;
use streaming::websocket::sender::{Framing, serve_bytes, serve_messages};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// `/log` carries 5000 bytes, `/endless` one byte and no end, `/text` and `/binary` two messages.
async fn listen(connections: &Connections) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = connections.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let connections = connections.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let connections = connections.clone();
                async move {
                    let bytes = |bytes: Vec<u8>| futures::stream::iter([Ok::<_, io::Error>(Bytes::from(bytes))]);
                    Ok::<_, io::Error>(match request.uri().path() {
                        "/log" => serve_bytes(request, bytes(vec![b'x'; 5000]), &connections),
                        "/endless" => {
                            let endless = bytes(vec![b'x']).chain(futures::stream::pending());
                            serve_bytes(request, endless, &connections)
                        }
                        path => {
                            let framing = if path == "/text" {
                                Framing::Text
                            } else {
                                Framing::Binary
                            };
                            let messages = futures::stream::iter(["one", "two"].map(Bytes::from));
                            serve_messages(request, framing, messages, &connections)
                        }
                    })
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service)
                    .with_upgrades(),
            );
        }
    });
    address
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The socket and the subprotocol that the server chose, or the status of its refusal.
async fn open(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<(Client, String), u16> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((client, response)) => {
            let protocol = response.headers().get("sec-websocket-protocol");
            Ok((client, protocol.map_or("", |value| value.to_str().unwrap()).to_owned()))
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{path}: {error}"),
    }
}

/// All messages until the server's close.
async fn received(mut client: Client) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(Ok(message)) = client.next().await {
        match message {
            Message::Close(frame) => {
                assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1000));
            }
            message => messages.push(message),
        }
    }
    messages
}

const PROTOCOL: &str = "sec-websocket-protocol";

#[tokio::test]
async fn bytes_come_in_pieces_behind_an_empty_message() {
    let connections = Connections::new();
    let address = listen(&connections).await;
    for (offered, chosen, text) in [
        (None, "", false),
        (Some("binary.k8s.io"), "binary.k8s.io", false),
        (
            Some("x, base64.binary.k8s.io, binary.k8s.io"),
            "base64.binary.k8s.io",
            true,
        ),
    ] {
        let offered: Vec<_> = offered.iter().map(|offered| (PROTOCOL, *offered)).collect();
        let (client, protocol) = open(address, "/log", &offered).await.unwrap();
        assert_eq!(protocol, chosen);
        let messages = received(client).await;
        assert!(messages.iter().all(|message| message.is_text() == text), "{chosen}");
        let lengths: Vec<usize> = messages.iter().map(Message::len).collect();
        let expected: [usize; 4] = if text {
            [0, 2732, 2732, 1208]
        } else {
            [0, 2048, 2048, 904]
        };
        assert_eq!(lengths, expected, "{chosen}");
    }
    assert_eq!(open(address, "/log", &[(PROTOCOL, "x")]).await.err(), Some(403));
}

#[tokio::test]
async fn the_clients_close_ends_what_has_no_end() {
    let connections = Connections::new();
    let address = listen(&connections).await;
    let (mut client, _) = open(address, "/endless", &[]).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().len(), 0);
    client
        .send(Message::text("what clients say is forgotten"))
        .await
        .unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(&b"x"[..]));
    client.close(None).await.unwrap();
    assert!(client.next().await.unwrap().unwrap().is_close());
    timeout(Duration::from_secs(10), connections.idle()).await.unwrap();
}

#[tokio::test]
async fn messages_need_an_origin_and_at_most_one_subprotocol() {
    let connections = Connections::new();
    let address = listen(&connections).await;
    let origin = ("origin", "http://example.com");
    for (headers, expected) in [
        (vec![origin], Ok("")),
        (vec![origin, (PROTOCOL, "any")], Ok("any")),
        (vec![origin, (PROTOCOL, "a, b")], Err(400)),
        (vec![], Err(403)),
        (vec![("origin", "null")], Err(403)),
    ] {
        match (open(address, "/text", &headers).await, expected) {
            (Ok((client, protocol)), Ok(chosen)) => {
                assert_eq!(protocol, chosen);
                assert_eq!(received(client).await, [Message::text("one"), Message::text("two")]);
            }
            (found, expected) => assert_eq!(found.err(), expected.err(), "{headers:?}"),
        }
    }
    let (client, _) = open(address, "/binary", &[origin]).await.unwrap();
    let expected = ["one", "two"].map(|text| Message::binary(text.as_bytes().to_vec()));
    assert_eq!(received(client).await, expected);
}
