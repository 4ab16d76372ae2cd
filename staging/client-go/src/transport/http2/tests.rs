//! What a server does to a connection and its streams, told by a server that speaks bare HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request, Response};
use k8s_api::core::v1::ConfigMap;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::rest::{Client, Error};
use crate::transport::TransportError;
use crate::transport::tests::{authority, client_config, server_config};

type Server = Connection<TlsStream<TcpStream>, Bytes>;

/// A client, and its server's connections one after the other.
async fn pair() -> (Client, impl AsyncFn() -> Server) {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(server_config(&authority, "127.0.0.1", &["h2"]));
    let client = Client::new(&client_config(&address.to_string(), &authority)).unwrap();
    let accept = async move || {
        let (stream, _) = listener.accept().await.unwrap();
        h2::server::handshake(acceptor.accept(stream).await.unwrap())
            .await
            .unwrap()
    };
    (client, accept)
}

type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

async fn next(server: &mut Server) -> Accepted {
    tokio::time::timeout(Duration::from_secs(20), server.accept())
        .await
        .expect("a request comes")
        .expect("the connection stands")
        .unwrap()
}

fn answer((request, mut respond): Accepted) -> Request<RecvStream> {
    let body = Bytes::from_static(br#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}"#);
    let head = Response::builder().status(201).body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    stream.send_data(body, true).unwrap();
    request
}

/// Creates an object, which is not to be done twice.
async fn create(client: Client) -> Result<String, Error> {
    let mut object = ConfigMap::default();
    object.metadata.name = "a".to_owned();
    let created = client.namespaced::<ConfigMap>("n").create(&object).await?;
    Ok(created.metadata.name)
}

#[tokio::test]
async fn what_the_server_has_not_touched_is_sent_again() {
    let (client, accept) = pair().await;
    let task = tokio::spawn(create(client.clone()));
    let mut first = accept().await;
    let (_, mut respond) = next(&mut first).await;
    respond.send_reset(Reason::REFUSED_STREAM);
    let mut request = answer(next(&mut first).await);
    assert_eq!(request.method(), Method::POST);
    // The whole body comes again.
    let length = request.headers()["content-length"].to_str().unwrap().to_owned();
    let serving = tokio::spawn(async move { first.accept().await.is_none() });
    let mut received = 0;
    while let Some(data) = request.body_mut().data().await {
        received += data.unwrap().len();
    }
    assert_eq!(received.to_string(), length);
    assert_eq!(task.await.unwrap().unwrap(), "a");
    // Nobody uses the connection any more: the client says goodbye.
    drop(client);
    let ended = tokio::time::timeout(Duration::from_secs(20), serving).await;
    assert!(ended.expect("the connection ends").unwrap());
}

#[tokio::test]
async fn a_server_that_goes_away_finishes_what_it_has_begun() {
    let (client, accept) = pair().await;
    let begun = tokio::spawn(create(client.clone()));
    let mut first = accept().await;
    let accepted = next(&mut first).await;
    first.graceful_shutdown();
    // Until the client has heard the goodbye, it may send more.
    let first = tokio::spawn(async move {
        while let Some(accepted) = first.accept().await {
            answer(accepted.unwrap());
        }
    });
    let moved = Arc::new(AtomicBool::new(false));
    let (later, told) = (client.clone(), moved.clone());
    let later = tokio::spawn(async move {
        loop {
            let created = create(later.clone()).await;
            if created.is_err() || told.load(Ordering::SeqCst) {
                return created;
            }
        }
    });
    let mut second = accept().await;
    moved.store(true, Ordering::SeqCst);
    answer(next(&mut second).await);
    let second = tokio::spawn(async move { second.accept().await.is_none() });
    assert_eq!(later.await.unwrap().unwrap(), "a");
    answer(accepted);
    assert_eq!(begun.await.unwrap().unwrap(), "a");
    drop(client);
    first.await.unwrap();
    assert!(second.await.unwrap());
}

#[tokio::test]
async fn what_may_have_been_carried_out_is_not_sent_again() {
    let (client, accept) = pair().await;
    let task = tokio::spawn(create(client));
    let mut server = accept().await;
    let accepted = next(&mut server).await;
    drop((accepted, server));
    let error = task.await.unwrap().unwrap_err();
    let Error::Request { source, .. } = &error else {
        panic!("{error}")
    };
    assert!(source.is_connection_lost(), "{source:?}");
    assert!(matches!(source, TransportError::Http2(_)), "{source:?}");
    assert!(error.to_string().ends_with("EOF"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_lost() {
    let (client, accept) = pair().await;
    let task = tokio::spawn(create(client));
    let mut server = accept().await;
    let accepted = next(&mut server).await;
    // The server reads nothing more; the time passes by itself while everybody waits.
    let error = task.await.unwrap().unwrap_err();
    assert!(error.to_string().ends_with("http2: client connection lost"), "{error}");
    drop((accepted, server));
}

#[tokio::test]
async fn a_watch_that_is_dropped_ends_its_stream_alone() {
    let (client, accept) = pair().await;
    let watching = client.clone();
    let watch = tokio::spawn(async move { watching.all::<ConfigMap>().watch(&Default::default()).await });
    let mut server = accept().await;
    let (_, mut respond) = next(&mut server).await;
    let head = Response::builder().status(200).body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    let server = Arc::new(tokio::sync::Mutex::new(server));
    let driven = server.clone();
    let driver = tokio::spawn(async move { next(&mut *driven.lock().await).await });
    drop(watch.await.unwrap().unwrap());
    let create = tokio::spawn(create(client.clone()));
    answer(driver.await.unwrap());
    let reason = std::future::poll_fn(|context| stream.poll_reset(context));
    let mut server = server.lock().await;
    let reason = tokio::select! {
        reason = reason => reason.unwrap(),
        _ = server.accept() => panic!("there is no further request"),
    };
    assert_eq!(reason, Reason::CANCEL);
    let rest = async { while server.accept().await.is_some() {} };
    tokio::select! {
        created = create => assert_eq!(created.unwrap().unwrap(), "a"),
        () = rest => panic!("the connection stands"),
    }
    drop(client);
}
