//! The suite on every subject.

use std::sync::Arc;

use super::{Subject, run};
use crate::testing::{Containerd, FakeRuntime, FakeServer};
use crate::{ConnectOptions, RemoteImageService, RemoteRuntimeService};

#[tokio::test(start_paused = true)]
async fn the_in_memory_runtime_conforms() {
    let directory = tempfile::tempdir().expect("directory");
    let fake = FakeRuntime::new();
    let (runtime, images) = (Arc::new(fake.clone()), Arc::new(fake.clone()));
    run(&Subject::fake(&fake, runtime, images, directory.path().to_owned()))
        .await
        .expect("conforms");
}

#[tokio::test]
async fn the_in_memory_runtime_conforms_over_grpc() {
    let directory = tempfile::tempdir().expect("directory");
    let fake = FakeRuntime::new();
    let server = FakeServer::start(&fake, &directory.path().join("s")).expect("server");
    for use_streaming in [false, true] {
        let options = ConnectOptions {
            use_streaming,
            ..ConnectOptions::default()
        };
        let runtime = Arc::new(
            RemoteRuntimeService::connect(server.endpoint(), &options)
                .await
                .expect("runtime"),
        );
        let images = Arc::new(
            RemoteImageService::connect(server.endpoint(), &options)
                .await
                .expect("images"),
        );
        let logs = directory.path().join(if use_streaming { "streamed" } else { "unary" });
        run(&Subject::fake(&fake, runtime, images, logs))
            .await
            .expect("conforms");
    }
}

#[tokio::test]
async fn containerd_conforms() {
    let containerd = Containerd::start().await.expect("containerd starts");
    run(&Subject::containerd(&containerd).await.expect("subject"))
        .await
        .expect("conforms");
}
