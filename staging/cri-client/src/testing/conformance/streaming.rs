//! Commands inside containers, streams and events.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::{EXEC, HANG, SLEEP, SUCCEED, Subject, TRAP, words};
use crate::Error;
use crate::api::*;

pub(super) async fn exec_sync_returns_all(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let output = pod
        .runtime()
        .exec_sync(&pod.container, &words(EXEC), Duration::from_secs(10))
        .await?;
    ensure!(
        output.stdout == b"hello\n" && output.stderr == b"oops\n" && output.exit_code == 4,
        "{output:?}"
    );
    let error = output.check(&words(&["probe"])).err().context("code 4 is a failure")?;
    ensure!(error.to_string() == "command 'probe' exited with 4: oops\n", "{error}");
    let output = pod
        .runtime()
        .exec_sync(&pod.container, &words(SUCCEED), Duration::ZERO)
        .await?;
    ensure!(output.exit_code == 0, "{output:?}");
    pod.remove().await
}

pub(super) async fn exec_sync_times_out(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let start = Instant::now();
    let result = pod
        .runtime()
        .exec_sync(&pod.container, &words(HANG), Duration::from_secs(1))
        .await;
    let want = Error::CommandTimedOut {
        command: HANG.join(" "),
        timeout: Duration::from_secs(1),
    };
    ensure!(result.as_ref().err() == Some(&want), "{result:?}");
    ensure!(start.elapsed() >= Duration::from_secs(1), "after {:?}", start.elapsed());
    ensure!(
        pod.container_status(&pod.container).await?.state() == ContainerState::Running,
        "the container runs on"
    );
    pod.remove().await
}

pub(super) async fn exec_sync_needs_a_running_container(subject: &Subject) -> Result<()> {
    let pod = subject.running(SUCCEED).await?;
    pod.ended(&pod.container).await?;
    let result = pod
        .runtime()
        .exec_sync(&pod.container, &words(SUCCEED), Duration::ZERO)
        .await;
    ensure!(
        result
            .as_ref()
            .is_err_and(|error| error.message().contains("CONTAINER_EXITED")),
        "{result:?}"
    );
    pod.remove().await
}

pub(super) async fn urls_are_given(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let id = pod.container.clone();
    let exec = ExecRequest {
        container_id: id.clone(),
        cmd: words(SUCCEED),
        stdout: true,
        ..Default::default()
    };
    let attach = AttachRequest {
        container_id: id,
        stdout: true,
        ..Default::default()
    };
    let forward = PortForwardRequest {
        pod_sandbox_id: pod.sandbox.clone(),
        port: vec![80],
    };
    let urls = [
        pod.runtime().exec(exec).await?.url,
        pod.runtime().attach(attach).await?.url,
        pod.runtime().port_forward(forward).await?.url,
    ];
    for (url, kind) in urls.iter().zip(["/exec/", "/attach/", "/portforward/"]) {
        ensure!(url.starts_with("http://") && url.contains(kind), "{url}");
    }
    pod.remove().await
}

/// A runtime that has events reports a container's whole life in order; one that has none says so at once.
pub(super) async fn events_or_unimplemented(subject: &Subject) -> Result<()> {
    let mut events = subject.runtime.container_events().await?;
    let first = timeout(Duration::from_millis(500), events.next()).await;
    if let Ok(Some(Err(error))) = first {
        ensure!(error.is_unimplemented(), "{error:?}");
        return Ok(());
    }
    ensure!(first.is_err(), "an event before anything happened");
    let pod = subject.running(TRAP).await?;
    pod.settled().await;
    pod.runtime()
        .stop_container(&pod.container, Duration::from_secs(10))
        .await?;
    pod.runtime().remove_container(&pod.container).await?;
    let mut seen = Vec::new();
    while seen.last() != Some(&ContainerEventType::Deleted) {
        let Some(event) = timeout(Duration::from_secs(10), events.next()).await? else {
            bail!("stream ended")
        };
        let event = event?;
        if event.container_id == pod.container {
            seen.push(event.container_event_type());
        }
    }
    use ContainerEventType::{Created, Deleted, Started, Stopped};
    ensure!(seen == [Created, Started, Stopped, Deleted], "{seen:?}");
    pod.remove().await
}
