//! The server over real sockets: both protocols, certificates, misbehaving clients and handlers, the end.

mod clients;
mod shutdown;
mod tls;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use clients::{Http1, Http2, Running, get, pair};

/// A handler with an answer for every test.
async fn answer(mut request: Request<Body>) -> Response<Body> {
    let context = RequestContext::of(request.extensions())
        .expect("every request has its context")
        .clone();
    match request.uri().path() {
        "/panic" => panic!("secret detail"),
        "/panic-in-body" => {
            let frames = futures::stream::iter(0..).map(|number: u32| {
                assert!(number < 1, "in the body");
                Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"first")))
            });
            Response::new(Body::boxed(StreamBody::new(frames)))
        }
        "/connection" => {
            let http2 = context.connection().tls.as_ref().is_some_and(|tls| tls.http2);
            let text = format!(
                "{:?} {} {http2}",
                context.connection().peer_ip(),
                context.peer_certificates().len()
            );
            Response::new(Body::from(text))
        }
        "/echo" => {
            let bytes = std::mem::take(request.body_mut())
                .collect_bytes(1 << 26)
                .await
                .expect("the body arrives");
            Response::new(Body::from(bytes))
        }
        "/close" => {
            context.connection().close_gracefully();
            Response::new(Body::from("closing"))
        }
        "/upgrade" => {
            context.mark_long_running();
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgrade.await.expect("the client upgrades"));
                let mut word = [0; 4];
                io.read_exact(&mut word).await.expect("the client speaks");
                word.reverse();
                io.write_all(&word).await.expect("the client listens");
            });
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            response
                .headers_mut()
                .insert(header::UPGRADE, HeaderValue::from_static("reverse"));
            response
        }
        "/watch" => {
            context.mark_long_running();
            let end = context.end_of_long_running().clone();
            let frames = futures::stream::once(async { Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"event"))) });
            let ended = futures::stream::once(async move {
                end.cancelled().await;
                Ok(Frame::data(Bytes::from_static(b"end")))
            });
            Response::new(Body::boxed(StreamBody::new(frames.chain(ended))))
        }
        _ => Response::new(Body::from("hello")),
    }
}

#[tokio::test]
async fn both_protocols_on_one_tls_port() {
    let certificate = pair("localhost");
    let server = Running::tls(&certificate, Vec::new());
    let mut http1 = Http1::connect(&server, &certificate.client("localhost", &[b"http/1.1"])).await;
    let mut http2 = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    assert_eq!(
        http1.get("/connection").await,
        (200, "Some(127.0.0.1) 0 false".to_owned())
    );
    assert_eq!(
        http2.get("/connection").await,
        (200, "Some(127.0.0.1) 0 true".to_owned())
    );
    let large = "x".repeat(5 << 20);
    assert_eq!(http1.post("/echo", large.clone()).await, (200, large.clone()));
    assert_eq!(http2.post("/echo", large.clone()).await, (200, large));
    server.stop().await;
}

#[tokio::test]
async fn a_panic_costs_one_request_only() {
    let certificate = pair("localhost");
    let server = Running::tls(&certificate, Vec::new());
    let mut http2 = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    let mut watch = http2.send(get("/watch")).await;
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "event");
    let (status, text) = http2.get("/panic").await;
    assert_eq!(status, 500);
    assert_eq!(text, "panicked: GET /panic");
    // The reset of the stream may overtake the head of its response.
    http2.sender.ready().await.unwrap();
    let broken = match http2.sender.send_request(get("/panic-in-body")).await {
        Ok(response) => response.into_body().collect().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(broken.is_err(), "the body must end with an error");
    assert_eq!(http2.get("/").await, (200, "hello".to_owned()));
    let mut http1 = Http1::connect(&server, &certificate.client("localhost", &[])).await;
    assert_eq!(http1.get("/panic").await.0, 500);
    assert_eq!(http1.get("/").await, (200, "hello".to_owned()));
    drop(watch);
    server.stop().await;
}

#[tokio::test]
async fn connections_are_upgraded() {
    let certificate = pair("localhost");
    let server = Running::tls(&certificate, Vec::new());
    let mut http1 = Http1::connect(&server, &certificate.client("localhost", &[b"http/1.1"])).await;
    let mut request = get("/upgrade");
    request
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    request
        .headers_mut()
        .insert(header::UPGRADE, HeaderValue::from_static("reverse"));
    let response = http1.sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    io.write_all(b"abcd").await.unwrap();
    let mut word = [0; 4];
    io.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"dcba");
    server.stop().await;
}

#[tokio::test]
async fn a_dribbled_head_is_cut_off() {
    let settings = ServerSettings {
        head_limit: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let server = Running::plain(settings);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
    let (mut read, mut write) = slow.split();
    let mut rest = Vec::new();
    let dribble = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if write.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        // A reset is an end as good as any.
        _ = read.read_to_end(&mut rest) => {}
        () = dribble => {}
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("the connection is still open"),
    }
    assert!(rest.is_empty());
    assert_eq!(server.get("/").await, (200, "hello".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_silent_client_ends_no_later_than_the_handshake_limit() {
    let settings = ServerSettings {
        head_limit: Duration::from_millis(100),
        ..ServerSettings::default()
    };
    let certificate = pair("localhost");
    let server = Running::start(settings, Some(certificate.tls(Vec::new())));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut rest))
        .await
        .expect("closed in time")
        .unwrap();
    assert_eq!(server.handshake_errors.get(), 1);
    server.stop().await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let settings = ServerSettings {
        idle_limit: Duration::from_millis(100),
        ..ServerSettings::default()
    };
    let certificate = pair("localhost");
    let server = Running::start(settings, Some(certificate.tls(Vec::new())));
    let mut http1 = Http1::connect(&server, &certificate.client("localhost", &[b"http/1.1"])).await;
    let mut http2 = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    assert_eq!(http1.get("/").await.0, 200);
    assert_eq!(http2.get("/").await.0, 200);
    tokio::time::timeout(Duration::from_secs(10), async {
        http1.closed.await.unwrap();
        http2.closed.await.unwrap();
    })
    .await
    .expect("both are closed for idleness");
    server.stop().await;
}

#[tokio::test]
async fn heads_are_limited() {
    let server = Running::plain(ServerSettings::default());
    let head = |size: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: {}\r\n\r\n",
            "x".repeat(size)
        )
    };
    for (size, status) in [
        (900 << 10, "HTTP/1.1 200 OK"),
        (1100 << 10, "HTTP/1.1 431 Request Header Fields Too Large"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let (mut read, mut write) = stream.split();
        let text = head(size);
        let mut answer = [0; 64];
        // The server may answer and close before it has read everything.
        let (length, _) = tokio::join!(read.read(&mut answer), write.write_all(text.as_bytes()));
        let answer = String::from_utf8_lossy(&answer[..length.unwrap()]).into_owned();
        assert!(answer.starts_with(status), "{size}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_can_be_told_to_close() {
    let certificate = pair("localhost");
    let server = Running::tls(&certificate, Vec::new());
    let mut http2 = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    assert_eq!(http2.get("/close").await, (200, "closing".to_owned()));
    tokio::time::timeout(Duration::from_secs(10), http2.closed)
        .await
        .expect("GOAWAY ends the connection")
        .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn unix_sockets_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(Server::new(answer).serve(Listener::bind_unix(&path).unwrap(), shutdown.clone()));
    let stream = UnixStream::connect(&path).await.unwrap();
    let mut http1 = Http1::over(stream).await;
    assert_eq!(http1.get("/connection").await, (200, "None 0 false".to_owned()));
    shutdown.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn handlers_can_be_called_without_a_network() {
    let mut request = Request::new(Body::from("abc"));
    *request.uri_mut() = "/echo".parse().unwrap();
    request.extensions_mut().insert(RequestContext::detached());
    let handler: Arc<dyn Handler> = Arc::new(answer);
    let response = handler.handle(request).await;
    assert_eq!(response.into_body().collect_bytes(3).await.unwrap(), "abc");
}
