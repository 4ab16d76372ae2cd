//! Watches over WebSockets.

use std::{net::Ipv4Addr, sync::Arc};

use component_base::serving::{Listener, Server};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{client::IntoClientRequest as _, protocol::Message};
use tokio_util::sync::CancellationToken;

use super::{MAPS, Plane, map};

#[tokio::test]
async fn a_watch_over_a_websocket_is_a_message_an_event() {
    let plane = Plane::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (handler, stop) = (Arc::new(plane.handler.clone()), stop.clone());
        async move { Server::of(handler).serve(Listener::Tcp(listener), stop).await }
    });
    let (_, made) = plane.post(MAPS, map("m")).await;
    let version = made["metadata"]["resourceVersion"].as_str().expect("a version");
    for (accept, binary) in [
        ("application/json", false),
        ("application/vnd.kubernetes.protobuf;stream=watch", true),
    ] {
        let url =
            format!("ws://{address}{MAPS}?watch=true&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name=m");
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in [
            ("accept", accept),
            ("origin", "http://example.com"),
            ("authorization", "Bearer secret"),
        ] {
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a WebSocket");
        let first = socket.next().await.expect("a message").expect("no error");
        match &first {
            Message::Text(text) if !binary => {
                let event: Value = serde_json::from_str(text).expect("JSON");
                assert_eq!(event["type"], "ADDED");
                assert_eq!(event["object"], made);
            }
            Message::Binary(bytes) if binary => {
                let event = apimachinery::codec::protobuf::decode_watch_event(bytes);
                let (kind, object) = event.expect("an event");
                assert_eq!(kind, "ADDED");
                assert!(object.windows(version.len()).any(|window| window == version.as_bytes()));
            }
            other => panic!("{accept}: {other:?}"),
        }
        // Its time is over.
        let last = socket.next().await.expect("a message").expect("no error");
        assert!(last.is_close(), "{last:?}");
    }
    stop.cancel();
    serving.await.expect("the server ends");
}
