//! What a connection's task does at once, and what it leaves to others.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::cork::Cork;
use super::super::turn::Part;
use super::clients::*;
use super::*;

/// A stream that counts what is written to it at once.
struct Counted {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A corked stream over a pipe that holds so many bytes, the client's end, and the count of writes to the pipe.
async fn corked(capacity: usize) -> (Cork<Counted>, impl AsyncRead + Unpin, Arc<AtomicUsize>) {
    let certificate = pair("localhost");
    let client = certificate.client("localhost", &[]);
    let (near, far) = tokio::io::duplex(capacity);
    let writes = Arc::new(AtomicUsize::new(0));
    let stream = Counted {
        stream: near,
        writes: Arc::clone(&writes),
    };
    let acceptor = TlsAcceptor::from(certificate.tls(Vec::new()).config(None));
    let connector = TlsConnector::from(Arc::clone(&client.config));
    let name = "localhost".try_into().unwrap();
    let (server, client) = tokio::join!(acceptor.accept(stream), connector.connect(name, far));
    writes.store(0, Ordering::Relaxed);
    (Cork::new(server.unwrap()), client.unwrap(), writes)
}

#[tokio::test]
async fn what_is_written_goes_out_at_once_when_it_is_released() {
    let (mut cork, mut client, writes) = corked(1 << 20).await;
    for letter in [b'a', b'b', b'c'] {
        cork.write_all(&[letter; 10_000]).await.unwrap();
        cork.flush().await.unwrap();
    }
    assert_eq!(writes.load(Ordering::Relaxed), 0);
    poll_fn(|context| cork.poll_release(context)).await.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    let mut bytes = vec![0; 30_000];
    client.read_exact(&mut bytes).await.unwrap();
    assert!(bytes[..10_000].iter().all(|byte| *byte == b'a'));
    assert!(bytes[20_000..].iter().all(|byte| *byte == b'c'));
    poll_fn(|context| cork.poll_release(context)).await.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 1, "there is nothing to send");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_writes_up() {
    let (mut cork, mut client, _) = corked(20_000).await;
    let sent = tokio::spawn(async move {
        cork.write_all(&[b'x'; 1_000_000]).await.unwrap();
        cork.shutdown().await.unwrap();
    });
    tokio::task::yield_now().await;
    assert!(!sent.is_finished());
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes.len(), 1_000_000);
    sent.await.unwrap();
}

#[tokio::test]
async fn a_part_is_polled_when_it_was_woken() {
    let part = Part::new();
    let mut polls = 0;
    let mut waker = None;
    for woken in [true, false, true, false] {
        if polls > 0 && woken {
            let waker: std::task::Waker = waker.take().unwrap();
            waker.wake();
        }
        let before = polls;
        let polled = poll_fn(|context| {
            Poll::Ready(part.poll(context, |context| {
                polls += 1;
                waker = Some(context.waker().clone());
                Poll::<()>::Pending
            }))
        });
        assert!(polled.await.is_pending());
        assert_eq!(polls - before, usize::from(woken));
    }
    part.raise();
    assert_eq!(
        poll_fn(|context| part.poll(context, |_| Poll::Ready("done"))).await,
        "done"
    );
}

/// Answers everything in the task of the connection, as far as it goes there.
struct AtOnce(Arc<std::sync::Mutex<Vec<tokio::task::Id>>>);

impl Handler for AtOnce {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let tasks = Arc::clone(&self.0);
        async move {
            let response = answer(request).await;
            tasks.lock().unwrap().push(tokio::task::id());
            response
        }
        .boxed()
    }

    fn answers_at_once(&self, _: &Method, _: &Uri) -> bool {
        true
    }
}

#[tokio::test]
async fn an_answer_that_waits_for_nothing_needs_no_task() {
    let certificate = pair("localhost");
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenOptions::default()).unwrap();
    let address = listener.local_addr().unwrap().unwrap();
    let (tasks, shutdown) = (Arc::default(), CancellationToken::new());
    let server = Server::new(AtOnce(Arc::clone(&tasks))).with_tls(certificate.tls(Vec::new()));
    let serving = tokio::spawn(server.serve(listener, shutdown.clone()));
    let stream = certificate
        .client("localhost", &[b"h2"])
        .connect(address)
        .await
        .unwrap();
    let mut http2 = Http2::over(stream).await;
    for _ in 0..2 {
        assert_eq!(http2.get("/").await, (200, "hello".to_owned()));
    }
    let mut watch = http2.send(get("/watch")).await;
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "event");
    let large = "x".repeat(1 << 20);
    assert_eq!(http2.post("/echo", large.clone()).await, (200, large));
    assert_eq!(http2.get("/panic").await.0, 500);
    assert_eq!(http2.get("/").await, (200, "hello".to_owned()));
    shutdown.cancel();
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "end");
    serving.await.unwrap();
    let tasks = tasks.lock().unwrap().clone();
    let [first, second, watched, echoed, last] = tasks[..] else {
        panic!("{tasks:?}");
    };
    assert_eq!([first, second, watched, last], [first; 4], "the connection's task");
    assert_ne!(echoed, first, "the body of the request was waited for");
}
