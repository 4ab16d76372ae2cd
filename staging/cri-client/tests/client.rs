//! The client over a socket: deadlines, cancellation, fall-back, errors and reconnection.

use std::path::Path;
use std::time::{Duration, Instant};

use cri_client::api::*;
use cri_client::testing::{FakeRuntime, FakeServer, Fault};
use cri_client::{Code, ConnectOptions, Error, ImageService, RemoteImageService, RemoteRuntimeService, RuntimeService};

/// A served runtime with clients in front of it.
struct Served {
    fake: FakeRuntime,
    server: FakeServer,
    directory: tempfile::TempDir,
}

impl Served {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let fake = FakeRuntime::new();
        let server = FakeServer::start(&fake, &directory.path().join("s")).expect("server");
        Self {
            fake,
            server,
            directory,
        }
    }

    async fn runtime(&self, timeout: Duration) -> RemoteRuntimeService {
        let options = ConnectOptions {
            timeout,
            use_streaming: true,
            observer: None,
        };
        RemoteRuntimeService::connect(self.server.endpoint(), &options)
            .await
            .expect("connects")
    }

    async fn images(&self, timeout: Duration) -> RemoteImageService {
        let options = ConnectOptions {
            timeout,
            use_streaming: false,
            observer: None,
        };
        RemoteImageService::connect(self.server.endpoint(), &options)
            .await
            .expect("connects")
    }

    /// Waits until the server works on so many calls.
    async fn in_flight(&self, calls: usize) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.server.in_flight() != calls {
            assert!(
                Instant::now() < end,
                "{} calls in flight, not {calls}",
                self.server.in_flight()
            );
            tokio::task::yield_now().await;
        }
    }
}

fn pod(name: &str) -> PodSandboxConfig {
    let metadata = PodSandboxMetadata {
        name: name.into(),
        uid: name.into(),
        namespace: "default".into(),
        attempt: 0,
    };
    PodSandboxConfig {
        metadata: Some(metadata),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_sandboxes_have_twice_as_long() {
    let served = Served::start();
    let runtime = served.runtime(Duration::from_millis(200)).await;
    served.fake.add_lasting_fault(Method::Status, Fault::Hang);
    let error = runtime.status(false).await.expect_err("hangs");
    assert_eq!(
        error,
        Error::status(Code::DeadlineExceeded, "context deadline exceeded")
    );
    assert!(error.is_timeout());
    served.in_flight(0).await;

    served
        .fake
        .add_fault(Method::RunPodSandbox, Fault::Delay(Duration::from_millis(300)), 1);
    runtime
        .run_pod_sandbox(&pod("slow"), "")
        .await
        .expect("400 ms are enough");
}

#[tokio::test]
async fn a_pull_has_no_deadline_and_is_cancelled_by_dropping_it() {
    let served = Served::start();
    let images = served.images(Duration::from_millis(100)).await;
    let image = ImageSpec {
        image: "localhost/slow:1".into(),
        ..Default::default()
    };
    served
        .fake
        .add_pullable_image(&image.image, 1, Duration::from_millis(300));
    images
        .pull_image(&image, None, None)
        .await
        .expect("longer than a call's deadline");

    served.fake.add_fault(Method::PullImage, Fault::Hang, 1);
    {
        let pull = images.pull_image(&image, None, None);
        tokio::select! {
            result = pull => panic!("a pull that hangs gave {result:?}"),
            () = served.in_flight(1) => {}
        }
    }
    served.in_flight(0).await;
}

#[tokio::test]
async fn a_pull_that_failed_without_a_code_says_only_why() {
    let served = Served::start();
    let images = served.images(Duration::from_secs(5)).await;
    let image = ImageSpec {
        image: "localhost/a:1".into(),
        ..Default::default()
    };
    served.fake.add_fault(
        Method::PullImage,
        Fault::Error(Error::status(Code::Unknown, "registry on fire")),
        1,
    );
    let error = images.pull_image(&image, None, None).await.expect_err("fails");
    assert_eq!(error, Error::Reported("registry on fire".into()));
    let error = images.pull_image(&image, None, None).await.expect_err("is not there");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn a_runtime_that_streams_no_lists_is_asked_the_old_way() {
    let served = Served::start();
    let runtime = served.runtime(Duration::from_secs(5)).await;
    for name in ["a", "b", "c"] {
        runtime.run_pod_sandbox(&pod(name), "").await.expect(name);
    }
    assert_eq!(
        runtime
            .list_pod_sandboxes(None)
            .await
            .expect("streamed over two messages")
            .len(),
        3
    );
    served.server.set_streams_lists(false);
    assert_eq!(runtime.list_pod_sandboxes(None).await.expect("unary").len(), 3);
    // The answer is remembered: nothing is tried anew.
    served.server.set_streams_lists(true);
    served.fake.add_fault(
        Method::ListPodSandbox,
        Fault::Error(Error::status(Code::Internal, "no")),
        1,
    );
    assert_eq!(
        runtime.list_pod_sandboxes(None).await,
        Err(Error::status(Code::Internal, "no"))
    );
}

#[tokio::test]
async fn answers_that_lack_something_are_errors() {
    let served = Served::start();
    let runtime = served.runtime(Duration::from_secs(5)).await;
    let config = PodSandboxConfig {
        metadata: Some(PodSandboxMetadata::default()),
        ..Default::default()
    };
    let id = runtime.run_pod_sandbox(&config, "").await.expect("runs");
    let error = runtime.pod_sandbox_status(&id, false).await.expect_err("has no name");
    assert_eq!(
        error.to_string(),
        "metadata.Name, metadata.Namespace or metadata.Uid is not in metadata \"name:\\\"\\\" uid:\\\"\\\" namespace:\\\"\\\"\"".replace('\\', "")
    );
    let negative = CheckpointContainerRequest {
        timeout: -1,
        ..Default::default()
    };
    assert_eq!(
        runtime.checkpoint_container(negative).await,
        Err(Error::InvalidArgument(
            "CheckpointContainer requires the timeout value to be > 0".into()
        ))
    );
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let served = Served::start();
    let runtime = served.runtime(Duration::from_secs(20)).await;
    let mut config = pod("big");
    config.annotations.insert("note".into(), "x".repeat(3 * 1024 * 1024));
    for attempt in 0..6 {
        if let Some(metadata) = &mut config.metadata {
            metadata.attempt = attempt;
        }
        runtime.run_pod_sandbox(&config, "").await.expect("3 MiB pass");
    }
    served.server.set_streams_lists(false);
    let error = runtime.list_pod_sandboxes(None).await.expect_err("18 MiB do not");
    assert_eq!(error.code(), Some(Code::OutOfRange), "{error}");
    served.server.set_streams_lists(true);
    let streaming = served.runtime(Duration::from_secs(20)).await;
    assert_eq!(
        streaming
            .list_pod_sandboxes(None)
            .await
            .expect("in parts they do")
            .len(),
        6
    );
}

#[tokio::test]
async fn no_runtime_and_an_old_runtime_are_told_apart() {
    let directory = tempfile::tempdir().expect("directory");
    let endpoint = format!("unix://{}/none", directory.path().display());
    let error = RemoteRuntimeService::connect(&endpoint, &ConnectOptions::default())
        .await
        .expect_err("nobody there");
    assert!(error.is_unavailable());
    assert_eq!(
        error.to_string(),
        format!(
            "validate service connection: validate CRI v1 runtime API for endpoint \"{endpoint}\": rpc error: code = \
             Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix {}/none: connect: \
             no such file or directory\"",
            directory.path().display()
        )
    );
    // A gRPC server that knows nothing of runtime.v1.
    let socket = directory.path().join("old");
    let old = serve_nothing(&socket);
    let endpoint = format!("unix://{}", socket.display());
    let error = RemoteImageService::connect(&endpoint, &ConnectOptions::default())
        .await
        .expect_err("knows no v1");
    assert!(error.is_unimplemented(), "{error}");
    old.abort();
}

/// A server whose only answer is that it does not know the call.
fn serve_nothing(socket: &Path) -> tokio::task::JoinHandle<()> {
    let listener = tokio::net::UnixListener::bind(socket).expect("socket");
    let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
    tokio::spawn(async move {
        let routes = tonic::service::Routes::default();
        let server = tonic::transport::Server::builder()
            .add_routes(routes)
            .serve_with_incoming(incoming);
        server.await.expect("serves");
    })
}

#[tokio::test]
async fn a_client_outlives_a_restart_of_the_runtime() {
    let served = Served::start();
    let runtime = served.runtime(Duration::from_secs(5)).await;
    let Served {
        fake,
        server,
        directory,
    } = served;
    let socket = directory.path().join("s");
    drop(server);
    let end = Instant::now() + Duration::from_secs(10);
    let error = loop {
        match runtime.version("0.1.0").await {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < end, "the server does not end"),
        }
    };
    assert!(error.is_unavailable(), "{error:?}");
    std::fs::remove_file(&socket).expect("the old socket");
    let _server = FakeServer::start(&fake, &socket).expect("server");
    runtime.version("0.1.0").await.expect("connects anew");
}
