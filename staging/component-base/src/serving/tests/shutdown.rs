//! The end of a server, step by step.

use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};

use super::clients::*;
use super::*;

/// A server whose `/slow` waits until it is released; other paths go to the common handler.
async fn with_slow_request(settings: ServerSettings) -> (Running, mpsc::Receiver<oneshot::Sender<()>>) {
    let (entered, entries) = mpsc::channel(4);
    let handler = move |request: Request<Body>| {
        let entered = entered.clone();
        async move {
            if request.uri().path() != "/slow" {
                return answer(request).await;
            }
            let (release, released) = oneshot::channel();
            entered.send(release).await.unwrap();
            released.await.unwrap();
            Response::new(Body::from("finished"))
        }
    };
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenOptions::default()).unwrap();
    let address = listener.local_addr().unwrap().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(
        Server::new(handler)
            .with_settings(settings)
            .serve(listener, shutdown.clone()),
    );
    (
        Running {
            address,
            shutdown,
            serving,
            handshake_errors: IntCounter::new("errors", "errors").unwrap(),
        },
        entries,
    )
}

#[tokio::test]
async fn requests_finish_then_watches_end() {
    let (server, mut entries) = with_slow_request(ServerSettings::default()).await;
    let stream = |address| async move { TcpStream::connect(address).await.unwrap() };
    let mut watcher = Http1::over(stream(server.address).await).await;
    let mut watch = watcher.send(get("/watch")).await;
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "event");
    let mut slow = Http1::over(stream(server.address).await).await;
    let slow = tokio::spawn(async move { slow.get("/slow").await });
    let release = entries.recv().await.unwrap();

    server.shutdown.cancel();
    // The port is given up while the request still runs.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let still_open = tokio::time::timeout(Duration::from_millis(50), watch.frame()).await;
    assert!(still_open.is_err(), "the watch ended before the requests in flight");
    release.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), (200, "finished".to_owned()));
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "end");
    assert!(watch.frame().await.is_none());
    tokio::time::timeout(Duration::from_secs(5), server.serving)
        .await
        .expect("the server ends")
        .unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cut_off() {
    let settings = ServerSettings {
        drain_limit: Duration::from_millis(50),
        long_running_limit: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let (server, mut entries) = with_slow_request(settings).await;
    let mut slow = Http1::over(TcpStream::connect(server.address).await.unwrap()).await;
    slow.sender.ready().await.unwrap();
    let answer = slow.sender.send_request(get("/slow"));
    let _release = {
        let entered = entries.recv();
        tokio::pin!(answer);
        tokio::select! {
            release = entered => {
                server.shutdown.cancel();
                let outcome = answer.await;
                assert!(outcome.is_err(), "the connection must be cut");
                release.unwrap()
            }
            _ = &mut answer => panic!("nothing was released"),
        }
    };
    tokio::time::timeout(Duration::from_secs(5), server.serving)
        .await
        .expect("the server ends")
        .unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let certificate = pair("localhost");
    let server = Running::tls(&certificate, Vec::new());
    let mut http1 = Http1::connect(&server, &certificate.client("localhost", &[b"http/1.1"])).await;
    let mut http2 = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    assert_eq!((http1.get("/").await.0, http2.get("/").await.0), (200, 200));
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let begun = tokio::time::Instant::now();
    server.stop().await;
    assert!(
        begun.elapsed() < ServerSettings::default().long_running_limit,
        "{:?}",
        begun.elapsed()
    );
}
