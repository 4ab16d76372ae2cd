//! Containers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::{FAIL, SLEEP, STUBBORN, SUCCEED, Subject, TICK, TRAP};
use crate::Error;
use crate::api::*;

pub(super) async fn life_cycle(subject: &Subject) -> Result<()> {
    let pod = subject.started_pod().await?;
    let runtime = pod.runtime();
    let config = subject.container("main", TRAP);
    let id = runtime.create_container(&pod.sandbox, &config, &pod.config).await?;
    let created = pod.container_status(&id).await?;
    ensure!(
        created.state() == ContainerState::Created && created.started_at == 0,
        "{created:?}"
    );
    ensure!(
        created.metadata == config.metadata && created.labels == config.labels,
        "{created:?}"
    );
    ensure!(
        created.annotations == config.annotations && created.log_path.ends_with("/main.log"),
        "{created:?}"
    );

    runtime.start_container(&id).await?;
    let running = pod.container_status(&id).await?;
    ensure!(
        running.state() == ContainerState::Running && running.started_at >= running.created_at,
        "{running:?}"
    );
    ensure!(running.finished_at == 0 && running.reason.is_empty(), "{running:?}");

    pod.settled().await;
    runtime.stop_container(&id, Duration::from_secs(10)).await?;
    runtime
        .stop_container(&id, Duration::from_secs(10))
        .await
        .context("stop twice")?;
    let exited = pod.container_status(&id).await?;
    ensure!(
        exited.state() == ContainerState::Exited && exited.exit_code == 7,
        "{exited:?}"
    );
    ensure!(
        exited.reason == "Error" && exited.finished_at >= exited.started_at,
        "{exited:?}"
    );

    runtime.remove_container(&id).await?;
    runtime.remove_container(&id).await.context("remove twice")?;
    let gone = runtime.container_status(&id, false).await;
    ensure!(gone.as_ref().is_err_and(Error::is_not_found), "{gone:?}");
    pod.remove().await
}

pub(super) async fn exit_code_and_logs(subject: &Subject) -> Result<()> {
    let pod = subject.running(FAIL).await?;
    let ended = pod.ended(&pod.container).await?;
    ensure!(ended.exit_code == 3 && ended.reason == "Error", "{ended:?}");
    let mut lines = pod.log("main")?;
    lines.sort();
    let want = [("stderr", "F", "err"), ("stdout", "F", "out")];
    let want: Vec<_> = want
        .iter()
        .map(|(s, t, x)| ((*s).to_owned(), (*t).to_owned(), (*x).to_owned()))
        .collect();
    ensure!(lines == want, "{lines:?}");
    pod.remove().await
}

pub(super) async fn completion_is_told_apart(subject: &Subject) -> Result<()> {
    let pod = subject.running(SUCCEED).await?;
    let ended = pod.ended(&pod.container).await?;
    ensure!(ended.exit_code == 0 && ended.reason == "Completed", "{ended:?}");
    pod.remove().await
}

pub(super) async fn stop_waits_then_kills(subject: &Subject) -> Result<()> {
    let pod = subject.running(STUBBORN).await?;
    pod.settled().await;
    let start = Instant::now();
    pod.runtime()
        .stop_container(&pod.container, Duration::from_secs(1))
        .await?;
    ensure!(
        start.elapsed() >= Duration::from_secs(1),
        "killed after {:?}",
        start.elapsed()
    );
    let ended = pod.container_status(&pod.container).await?;
    ensure!(
        ended.state() == ContainerState::Exited && ended.exit_code == 137,
        "{ended:?}"
    );
    pod.remove().await
}

pub(super) async fn running_container_is_removed(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    pod.runtime().remove_container(&pod.container).await?;
    let gone = pod.runtime().container_status(&pod.container, false).await;
    ensure!(gone.as_ref().is_err_and(Error::is_not_found), "{gone:?}");
    pod.remove().await
}

pub(super) async fn lists_are_filtered(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let other = subject.started_pod().await?;
    let done = other.start("done", SUCCEED).await?;
    other.ended(&done).await?;
    let state = |state: ContainerState| Some(ContainerStateValue { state: state as i32 });
    let table = [
        (None, true, true),
        (
            Some(ContainerFilter {
                id: done.clone(),
                ..Default::default()
            }),
            false,
            true,
        ),
        (
            Some(ContainerFilter {
                pod_sandbox_id: pod.sandbox.clone(),
                ..Default::default()
            }),
            true,
            false,
        ),
        (
            Some(ContainerFilter {
                state: state(ContainerState::Exited),
                ..Default::default()
            }),
            false,
            true,
        ),
        (
            Some(ContainerFilter {
                state: state(ContainerState::Running),
                ..Default::default()
            }),
            true,
            false,
        ),
        (
            Some(ContainerFilter {
                label_selector: [("name".to_owned(), "done".to_owned())].into(),
                ..Default::default()
            }),
            false,
            true,
        ),
        (
            Some(ContainerFilter {
                id: "nosuch".into(),
                ..Default::default()
            }),
            false,
            false,
        ),
    ];
    for (filter, has_main, has_done) in table {
        let list = subject.runtime.list_containers(filter.clone()).await?;
        let has = |id: &str| list.iter().any(|item| item.id == id);
        ensure!(
            (has(&pod.container), has(&done)) == (has_main, has_done),
            "{filter:?} gives {list:?}"
        );
    }
    let list = subject.runtime.list_containers(None).await?;
    let main = list
        .iter()
        .find(|item| item.id == pod.container)
        .context("listed above")?;
    ensure!(
        main.pod_sandbox_id == pod.sandbox && main.state() == ContainerState::Running,
        "{main:?}"
    );
    ensure!(!main.image_ref.is_empty() && main.image.is_some(), "{main:?}");
    other.remove().await?;
    pod.remove().await
}

pub(super) async fn start_is_refused_twice(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let again = pod.runtime().start_container(&pod.container).await;
    ensure!(
        again
            .as_ref()
            .is_err_and(|error| error.message().contains("CONTAINER_RUNNING")),
        "{again:?}"
    );
    ensure!(
        pod.container_status(&pod.container).await?.state() == ContainerState::Running,
        "it runs on"
    );
    pod.remove().await
}

pub(super) async fn missing_container_is_not_found(subject: &Subject) -> Result<()> {
    let runtime = &subject.runtime;
    let answers = [
        runtime.container_status("nosuch", false).await.map(drop),
        runtime.start_container("nosuch").await,
        runtime
            .exec_sync("nosuch", &["true".to_owned()], Duration::ZERO)
            .await
            .map(drop),
        runtime
            .update_container_resources("nosuch", &ContainerResources::default())
            .await,
        runtime.container_stats("nosuch").await.map(drop),
        runtime.reopen_container_log("nosuch").await,
    ];
    for (index, answer) in answers.iter().enumerate() {
        ensure!(
            answer.as_ref().is_err_and(Error::is_not_found),
            "call {index}: {answer:?}"
        );
    }
    runtime
        .remove_container("nosuch")
        .await
        .context("removal of what is not there")?;
    // Runtimes differ here; a caller takes both for success.
    let stopped = runtime.stop_container("nosuch", Duration::ZERO).await;
    ensure!(stopped.as_ref().err().is_none_or(Error::is_not_found), "{stopped:?}");
    Ok(())
}

pub(super) async fn missing_image_is_refused(subject: &Subject) -> Result<()> {
    let pod = subject.started_pod().await?;
    let mut config = subject.container("main", SLEEP);
    config.image = Some(ImageSpec {
        image: "localhost/no/such:image".into(),
        ..Default::default()
    });
    let created = pod.runtime().create_container(&pod.sandbox, &config, &pod.config).await;
    ensure!(created.as_ref().is_err_and(Error::is_not_found), "{created:?}");
    pod.remove().await
}

pub(super) async fn stopped_sandbox_takes_no_container(subject: &Subject) -> Result<()> {
    let pod = subject.started_pod().await?;
    pod.runtime().stop_pod_sandbox(&pod.sandbox).await?;
    let config = subject.container("main", SLEEP);
    match pod.runtime().create_container(&pod.sandbox, &config, &pod.config).await {
        Err(error) => ensure!(error.code().is_some(), "{error:?}"),
        Ok(id) => {
            let started = pod.runtime().start_container(&id).await;
            ensure!(started.is_err(), "a container started in a stopped sandbox");
        }
    }
    pod.remove().await
}

pub(super) async fn log_is_reopened(subject: &Subject) -> Result<()> {
    let pod = subject.running(TICK).await?;
    let log = std::path::Path::new(&pod.config.log_directory).join("main.log");
    let end = Instant::now() + Duration::from_secs(20);
    while pod.log("main").map(|lines| lines.is_empty()).unwrap_or(true) {
        ensure!(Instant::now() < end, "nothing is logged");
        sleep(Duration::from_millis(10)).await;
    }
    std::fs::rename(&log, log.with_extension("old"))?;
    pod.runtime().reopen_container_log(&pod.container).await?;
    while pod.log("main").map(|lines| lines.is_empty()).unwrap_or(true) {
        ensure!(Instant::now() < end, "nothing is logged after the log was opened anew");
        sleep(Duration::from_millis(10)).await;
    }
    pod.remove().await
}

pub(super) async fn resources_can_change(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let linux = LinuxContainerResources {
        cpu_shares: 512,
        cpu_period: 100_000,
        cpu_quota: 50_000,
        ..Default::default()
    };
    let resources = ContainerResources {
        linux: Some(linux),
        windows: None,
    };
    pod.runtime()
        .update_container_resources(&pod.container, &resources)
        .await?;
    pod.remove().await
}

pub(super) async fn statistics_name_their_container(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let stats = pod
        .runtime()
        .container_stats(&pod.container)
        .await?
        .context("no statistics")?;
    let attributes = stats.attributes.context("no attributes")?;
    ensure!(attributes.id == pod.container, "{attributes:?}");
    ensure!(stats.cpu.is_some() && stats.memory.is_some(), "no measurement");
    let filter = ContainerStatsFilter {
        pod_sandbox_id: pod.sandbox.clone(),
        ..Default::default()
    };
    let list = pod.runtime().list_container_stats(Some(filter)).await?;
    let ids: Vec<_> = list
        .iter()
        .filter_map(|stats| stats.attributes.as_ref())
        .map(|a| a.id.as_str())
        .collect();
    ensure!(ids == [pod.container.as_str()], "{ids:?}");
    let sandbox = pod
        .runtime()
        .pod_sandbox_stats(&pod.sandbox)
        .await?
        .context("no statistics of the sandbox")?;
    ensure!(
        sandbox
            .attributes
            .is_some_and(|attributes| attributes.id == pod.sandbox),
        "another sandbox"
    );
    let filter = PodSandboxStatsFilter {
        id: pod.sandbox.clone(),
        ..Default::default()
    };
    ensure!(
        pod.runtime().list_pod_sandbox_stats(Some(filter)).await?.len() == 1,
        "one sandbox"
    );
    pod.remove().await
}
