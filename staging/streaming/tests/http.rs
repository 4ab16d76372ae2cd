//! Clients and servers over loopback HTTP: every protocol, relayed and translated, and what goes wrong.

#![expect(clippy::unwrap_used, reason = "what a test needs and cannot get ends it")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use streaming::portforward::{ForwardError, ForwardedPort, PortForwarder};
use streaming::relay::{Relay, RelayError};
use streaming::remotecommand::{
    self, ExecStreams, Failure, Kind, Options, RemoteCommandError, ServerConfig, StreamOptions, TerminalSize,
};
use streaming::{Body, BoxIo, Connections, DialError, Endpoint, text_error};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const ALL: Options = Options {
    stdin: true,
    stdout: true,
    stderr: true,
    tty: false,
};

async fn listen<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, io::Error>(answer.await) }
                });
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service)
                    .with_upgrades()
                    .await
            });
        }
    });
    address
}

fn connector(address: SocketAddr) -> Arc<dyn streaming::Connector> {
    Arc::new(move || async move { Ok(Box::new(TcpStream::connect(address).await?) as BoxIo) })
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        connector: connector(address),
        uri: format!("http://{address}/exec?x=1").parse().unwrap(),
        headers: HeaderMap::new(),
        connections: Connections::new(),
    }
}

fn relay_to(address: SocketAddr) -> Relay {
    Relay {
        connector: connector(address),
        location: format!("http://{address}/exec?x=1").parse().unwrap(),
        use_location_host: false,
        headers: HeaderMap::new(),
        client_address: Some(Ipv4Addr::LOCALHOST.into()),
        max_bytes_per_second: None,
        connections: Connections::new(),
    }
}

/// Echoes stdin to stdout, says something on stderr, and exits with 7.
async fn echo(mut streams: ExecStreams) -> Result<(), Failure> {
    if streams.tty {
        let size = streams.resize.recv().await.unwrap();
        let mut stdout = streams.stdout.unwrap();
        stdout
            .write_all(format!("{}x{}", size.width, size.height).as_bytes())
            .await
            .unwrap();
        return Ok(());
    }
    if let (Some(mut stdin), Some(mut stdout)) = (streams.stdin, streams.stdout) {
        tokio::io::copy(&mut stdin, &mut stdout)
            .await
            .map_err(|error| Failure::Error(error.to_string()))?;
    }
    if let Some(mut stderr) = streams.stderr {
        stderr.write_all(b"to stderr").await.unwrap();
    }
    Err(Failure::ExitCode(7, "seven".to_owned()))
}

async fn runtime(options: Options, connections: &Connections) -> SocketAddr {
    let connections = connections.clone();
    listen(move |request| {
        let connections = connections.clone();
        async move {
            remotecommand::serve(
                request,
                Kind::Exec,
                options,
                ServerConfig::default(),
                &connections,
                echo,
            )
        }
    })
    .await
}

#[derive(Clone, Copy, Debug)]
enum Via {
    Upgrade,
    Exec,
}

async fn proxy(to: SocketAddr, options: Options, via: Via) -> SocketAddr {
    let relay = relay_to(to);
    listen(move |request| {
        let relay = relay.clone();
        async move {
            match via {
                Via::Upgrade => relay.upgrade(request).await,
                Via::Exec => relay.exec(request, options).await,
            }
            .unwrap_or_else(|error| text_error(error.status_code(), &error.to_string()))
        }
    })
    .await
}

/// Sends `input`; gives what came on stdout and stderr, and the outcome.
async fn run<F, Fut>(input: Vec<u8>, client: F) -> (Vec<u8>, Vec<u8>, Result<(), RemoteCommandError>)
where
    F: FnOnce(StreamOptions) -> Fut,
    Fut: Future<Output = Result<(), RemoteCommandError>>,
{
    let (stdin, mut feed) = duplex(64 * 1024);
    let (mut stdout, to_stdout) = duplex(64 * 1024);
    let (mut stderr, to_stderr) = duplex(64 * 1024);
    let options = StreamOptions {
        stdin: Some(Box::new(stdin)),
        stdout: Some(Box::new(to_stdout)),
        stderr: Some(Box::new(to_stderr)),
        ..StreamOptions::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (result, ..) = tokio::join!(
        client(options),
        async {
            feed.write_all(&input).await.unwrap();
            drop(feed);
        },
        async { stdout.read_to_end(&mut out).await.unwrap() },
        async { stderr.read_to_end(&mut err).await.unwrap() },
    );
    (out, err, result)
}

#[tokio::test]
async fn exec_over_every_spdy_protocol() {
    let connections = Connections::new();
    let address = runtime(ALL, &connections).await;
    for protocol in [
        "v4.channel.k8s.io",
        "v3.channel.k8s.io",
        "v2.channel.k8s.io",
        "channel.k8s.io",
    ] {
        let endpoint = endpoint(address);
        let (out, err, result) = run(b"some input".to_vec(), async |options| {
            remotecommand::stream_over_spdy(&endpoint, options, &[protocol], None).await
        })
        .await;
        assert_eq!(
            (out.as_slice(), err.as_slice()),
            (&b"some input"[..], &b"to stderr"[..]),
            "{protocol}"
        );
        match result.unwrap_err() {
            RemoteCommandError::Exit(7) => assert_eq!(protocol, "v4.channel.k8s.io"),
            error => assert_eq!(
                error.to_string(),
                "error executing remote command: command terminated with non-zero exit code: seven"
            ),
        }
    }
    timeout(Duration::from_secs(10), connections.idle())
        .await
        .expect("no task is left");
}

#[tokio::test]
async fn a_large_copy_passes_through_relay_and_translation() {
    let connections = Connections::new();
    let backend = runtime(ALL, &connections).await;
    let input: Vec<u8> = (0..64 * 1024 * 1024_u32).map(|index| (index / 251) as u8).collect();
    for via in [Via::Upgrade, Via::Exec] {
        let endpoint = endpoint(proxy(backend, ALL, via).await);
        // The relay alone meets a runtime without version 5, and the client falls back to SPDY.
        let (out, _, result) = run(input.clone(), async |options| {
            remotecommand::stream(&endpoint, options).await
        })
        .await;
        assert!(out == input, "{via:?}: {} bytes came back", out.len());
        assert!(matches!(result, Err(RemoteCommandError::Exit(7))), "{via:?} {result:?}");
    }
}

#[tokio::test]
async fn terminal_sizes_reach_the_process() {
    let tty = Options {
        stdin: false,
        stdout: true,
        stderr: false,
        tty: true,
    };
    let backend = runtime(tty, &Connections::new()).await;
    for address in [backend, proxy(backend, tty, Via::Exec).await] {
        let (mut stdout, to_stdout) = duplex(1024);
        let (sizes, resize) = mpsc::channel(1);
        sizes.send(TerminalSize { width: 91, height: 33 }).await.unwrap();
        let options = StreamOptions {
            stdout: Some(Box::new(to_stdout)),
            tty: true,
            resize: Some(resize),
            ..StreamOptions::default()
        };
        remotecommand::stream(&endpoint(address), options).await.unwrap();
        let mut size = String::new();
        stdout.read_to_string(&mut size).await.unwrap();
        assert_eq!(size, "91x33");
    }
}

#[tokio::test]
async fn negotiation_fails_in_upstreams_words() {
    let address = runtime(ALL, &Connections::new()).await;
    let endpoint = endpoint(address);
    let error = endpoint.dial_spdy(&["v9.channel.k8s.io"], None).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "unable to upgrade connection: unable to upgrade: unable to negotiate protocol: client supports \
         [v9.channel.k8s.io], server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]"
    );
    let error = endpoint.dial_spdy(&[], None).await.err().unwrap();
    assert!(
        error
            .to_string()
            .contains("header X-Stream-Protocol-Version does not exist"),
        "{error}"
    );
    let error = remotecommand::stream_over_websocket(&endpoint, StreamOptions::default()).await;
    match error {
        Err(RemoteCommandError::Dial(error)) => {
            assert!(error.is_upgrade_failure());
            assert_eq!(
                error.to_string(),
                "unable to upgrade streaming request: websocket: bad handshake (403 Forbidden)"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_no_task() {
    let connections = Connections::new();
    let owner = connections.clone();
    let address = listen(move |request| {
        let owner = owner.clone();
        async move {
            let forever = |_: ExecStreams| std::future::pending::<Result<(), Failure>>();
            remotecommand::serve(request, Kind::Exec, ALL, ServerConfig::default(), &owner, forever)
        }
    })
    .await;
    let endpoint = endpoint(address);
    let client = tokio::spawn({
        let endpoint = endpoint.clone();
        async move {
            let options = StreamOptions {
                stdout: Some(Box::new(tokio::io::sink())),
                ..StreamOptions::default()
            };
            remotecommand::stream_over_spdy(&endpoint, options, &remotecommand::CLIENT_PROTOCOLS, None).await
        }
    });
    timeout(Duration::from_secs(10), async {
        while connections.tasks() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the server serves it");
    client.abort();
    timeout(Duration::from_secs(20), endpoint.connections.shutdown())
        .await
        .expect("the client's tasks end");
    timeout(Duration::from_secs(20), connections.idle())
        .await
        .expect("the server's tasks end");
}

async fn port_forward_server() -> SocketAddr {
    let connections = Connections::new();
    listen(move |request| {
        let connections = connections.clone();
        async move {
            let config = streaming::portforward::ServerConfig {
                target: "pod default/web, uid 1".to_owned(),
                ..Default::default()
            };
            streaming::portforward::serve(request, config, &connections, |port| async move {
                if port == 1 {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                let (near, far) = duplex(1024);
                tokio::spawn(async move {
                    let (mut reader, mut writer) = tokio::io::split(far);
                    writer.write_all(format!("{port}:").as_bytes()).await?;
                    tokio::io::copy(&mut reader, &mut writer).await?;
                    writer.shutdown().await
                });
                Ok(Box::new(near) as BoxIo)
            })
        }
    })
    .await
}

#[tokio::test]
async fn many_connections_are_forwarded_over_every_transport() {
    let direct = port_forward_server().await;
    let relay = relay_to(direct);
    let tunnel = listen(move |request| {
        let relay = relay.clone();
        async move {
            relay
                .port_forward(request)
                .await
                .unwrap_or_else(|error| text_error(error.status_code(), &error.to_string()))
        }
    })
    .await;
    for forwarder in [
        PortForwarder::dial_spdy(&endpoint(direct)).await.unwrap(),
        PortForwarder::dial(&endpoint(direct)).await.unwrap(),
        PortForwarder::dial(&endpoint(tunnel)).await.unwrap(),
    ] {
        let forwarder = Arc::new(forwarder);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let local = listener.local_addr().unwrap();
        let handled = AtomicUsize::new(0);
        let clients = async {
            let exchange = |index: usize| async move {
                let mut client = TcpStream::connect(local).await.unwrap();
                let text = format!("{index} ").repeat(10_000);
                let (mut reader, mut writer) = client.split();
                let mut answer = String::new();
                let (sent, read) = tokio::join!(
                    async {
                        writer.write_all(text.as_bytes()).await?;
                        writer.shutdown().await
                    },
                    reader.read_to_string(&mut answer)
                );
                sent.unwrap();
                read.unwrap();
                assert!(answer == format!("80:{text}"), "{index}: {} bytes", answer.len());
            };
            futures::future::join_all((0..40).map(exchange)).await;
        };
        let ports = ForwardedPort {
            local: local.port(),
            remote: 80,
        };
        tokio::select! {
            () = clients => {}
            error = forwarder.forward(&listener, ports, |_| { handled.fetch_add(1, Ordering::Relaxed); }) => {
                panic!("{error}")
            }
        }
        assert_eq!(handled.load(Ordering::Relaxed), 40);
        let refused = async {
            let mut client = TcpStream::connect(local).await.unwrap();
            let _ = client.read_to_end(&mut Vec::new()).await;
            std::future::pending::<()>().await;
        };
        let ports = ForwardedPort { remote: 1, ..ports };
        let error = tokio::select! {
            () = refused => unreachable!("it waits forever"),
            error = forwarder.forward(&listener, ports, |_| {}) => error,
        };
        let ForwardError::Remote { message, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(
            message,
            "error forwarding port 1 to pod default/web, uid 1: connection refused"
        );
    }
}

/// A back end that refuses upgrades and counts its connections and requests.
#[tokio::test]
async fn a_refused_upgrade_does_not_open_the_back_end_to_a_second_request() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let backend = listen(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { text_error(http::StatusCode::FORBIDDEN, "no") }
    })
    .await;
    let address = proxy(backend, ALL, Via::Upgrade).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let smuggled = "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n";
    let upgrade = "GET /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
    client
        .write_all(format!("{upgrade}{smuggled}").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert_eq!(
        answer.matches("HTTP/1.1").count(),
        1,
        "the connection ends with the answer: {answer}"
    );
    assert!(answer.ends_with("no\n"), "{answer}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn requests_that_could_hide_others_are_refused() {
    let relay = relay_to((Ipv4Addr::LOCALHOST, 9).into());
    let request = |headers: &[(&str, &str)]| {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    };
    let upgrade = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
    let with = |more: (&'static str, &'static str)| request(&[upgrade[0], upgrade[1], more]);
    let refused = |request| async { relay.upgrade(request).await.unwrap_err() };
    assert!(matches!(refused(request(&[])).await, RelayError::UpgradeRequired));
    assert!(matches!(
        refused(with(("content-length", "5"))).await,
        RelayError::RequestBody
    ));
    assert!(matches!(
        refused(with(("transfer-encoding", "chunked"))).await,
        RelayError::RequestBody
    ));
    let h2c = request(&[upgrade[0], ("upgrade", "h2c")]);
    assert!(matches!(refused(h2c).await, RelayError::UpgradeToken(token) if token == "h2c"));
    let gone = relay_to(
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap(),
    );
    let error = gone.upgrade(request(&upgrade)).await.unwrap_err();
    assert!(matches!(error, RelayError::Dial(DialError::Connect(_))), "{error:?}");
}
