//! Pod sandboxes.

use anyhow::{Context, Result, ensure};

use super::{SLEEP, Subject};
use crate::api::*;
use crate::{Error, RuntimeService};

async fn status(runtime: &dyn RuntimeService, id: &str) -> Result<PodSandboxStatus> {
    runtime
        .pod_sandbox_status(id, false)
        .await?
        .status
        .context("an answer without a status")
}

pub(super) async fn version_and_conditions(subject: &Subject) -> Result<()> {
    let version = subject.runtime.version("0.1.0").await?;
    ensure!(
        version.runtime_api_version == "v1",
        "API version {}",
        version.runtime_api_version
    );
    let status = subject.runtime.status(true).await?.status.context("no status")?;
    for name in [RUNTIME_READY, NETWORK_READY] {
        let condition = status.conditions.iter().find(|condition| condition.r#type == name);
        ensure!(
            condition.is_some_and(|condition| condition.status),
            "{name} is {condition:?}"
        );
    }
    subject.runtime.update_runtime_config(RuntimeConfig::default()).await?;
    Ok(())
}

pub(super) async fn life_cycle(subject: &Subject) -> Result<()> {
    let pod = subject.started_pod().await?;
    let runtime = pod.runtime();
    let ready = status(runtime, &pod.sandbox).await?;
    ensure!(ready.state() == PodSandboxState::Ready, "{ready:?}");
    ensure!(
        ready.metadata == pod.config.metadata && ready.labels == pod.config.labels,
        "{ready:?}"
    );
    ensure!(
        ready.annotations == pod.config.annotations && ready.created_at > 1_600_000_000_000_000_000,
        "{ready:?}"
    );
    let address = ready
        .network
        .as_ref()
        .map(|network| network.ip.clone())
        .unwrap_or_default();
    ensure!(address.parse::<std::net::IpAddr>().is_ok(), "address {address:?}");
    let namespaces = ready
        .linux
        .and_then(|linux| linux.namespaces)
        .and_then(|namespaces| namespaces.options);
    ensure!(
        namespaces.is_some_and(|options| options.network() == NamespaceMode::Pod),
        "namespaces"
    );

    runtime.stop_pod_sandbox(&pod.sandbox).await?;
    runtime.stop_pod_sandbox(&pod.sandbox).await.context("stop twice")?;
    let stopped = status(runtime, &pod.sandbox).await?;
    ensure!(stopped.state() == PodSandboxState::NotReady, "{stopped:?}");

    runtime.remove_pod_sandbox(&pod.sandbox).await?;
    runtime.remove_pod_sandbox(&pod.sandbox).await.context("remove twice")?;
    let gone = runtime.pod_sandbox_status(&pod.sandbox, false).await;
    ensure!(gone.as_ref().is_err_and(Error::is_not_found), "{gone:?}");
    Ok(())
}

pub(super) async fn names_are_unique(subject: &Subject) -> Result<()> {
    let pod = subject.started_pod().await?;
    let again = subject.runtime.run_pod_sandbox(&pod.config, "").await;
    ensure!(
        again
            .as_ref()
            .is_err_and(|error| error.message().contains("reserve sandbox name")),
        "{again:?}"
    );
    let config = pod.config.clone();
    pod.remove().await?;
    let free = subject
        .runtime
        .run_pod_sandbox(&config, "")
        .await
        .context("the name is free after a removal")?;
    subject
        .runtime
        .remove_pod_sandbox(&free)
        .await
        .context("a ready sandbox is removed by force")?;
    Ok(())
}

pub(super) async fn lists_are_filtered(subject: &Subject) -> Result<()> {
    let (one, two) = (subject.started_pod().await?, subject.started_pod().await?);
    subject.runtime.stop_pod_sandbox(&two.sandbox).await?;
    let state = |state: PodSandboxState| Some(PodSandboxStateValue { state: state as i32 });
    let label = one.config.labels.clone();
    let table = [
        (None, true, true),
        (
            Some(PodSandboxFilter {
                id: one.sandbox.clone(),
                ..Default::default()
            }),
            true,
            false,
        ),
        (
            Some(PodSandboxFilter {
                label_selector: label.clone(),
                ..Default::default()
            }),
            true,
            false,
        ),
        (
            Some(PodSandboxFilter {
                state: state(PodSandboxState::NotReady),
                ..Default::default()
            }),
            false,
            true,
        ),
        (
            Some(PodSandboxFilter {
                state: state(PodSandboxState::Ready),
                ..Default::default()
            }),
            true,
            false,
        ),
        (
            Some(PodSandboxFilter {
                id: two.sandbox.clone(),
                label_selector: label,
                ..Default::default()
            }),
            false,
            false,
        ),
        (
            Some(PodSandboxFilter {
                id: "nosuch".into(),
                ..Default::default()
            }),
            false,
            false,
        ),
    ];
    for (filter, has_one, has_two) in table {
        let list = subject.runtime.list_pod_sandboxes(filter.clone()).await?;
        let has = |id: &str| list.iter().any(|item| item.id == id);
        ensure!(
            (has(&one.sandbox), has(&two.sandbox)) == (has_one, has_two),
            "{filter:?} gives {list:?}"
        );
    }
    one.remove().await?;
    two.remove().await
}

pub(super) async fn host_network_has_no_address_of_its_own(subject: &Subject) -> Result<()> {
    let mut config = subject.pod();
    // The host's name cannot be changed from here.
    config.hostname.clear();
    let options = NamespaceOption {
        network: NamespaceMode::Node as i32,
        ..Default::default()
    };
    if let Some(context) = config.linux.as_mut().and_then(|linux| linux.security_context.as_mut()) {
        context.namespace_options = Some(options);
    }
    let id = subject.runtime.run_pod_sandbox(&config, "").await?;
    let found = status(subject.runtime.as_ref(), &id).await?;
    ensure!(found.network.is_none_or(|network| network.ip.is_empty()), "an address");
    let namespaces = found
        .linux
        .and_then(|linux| linux.namespaces)
        .and_then(|namespaces| namespaces.options);
    ensure!(
        namespaces.is_some_and(|options| options.network() == NamespaceMode::Node),
        "namespaces"
    );
    subject.runtime.stop_pod_sandbox(&id).await?;
    Ok(subject.runtime.remove_pod_sandbox(&id).await?)
}

pub(super) async fn removal_takes_containers_along(subject: &Subject) -> Result<()> {
    let pod = subject.running(SLEEP).await?;
    let container = pod.container.clone();
    pod.runtime().stop_pod_sandbox(&pod.sandbox).await?;
    let ended = pod.container_status(&container).await?;
    ensure!(
        ended.state() == ContainerState::Exited && ended.exit_code == 137,
        "{ended:?}"
    );
    pod.runtime().remove_pod_sandbox(&pod.sandbox).await?;
    let gone = subject.runtime.container_status(&container, false).await;
    ensure!(gone.as_ref().is_err_and(Error::is_not_found), "{gone:?}");
    Ok(())
}

pub(super) async fn missing_sandbox_is_not_found(subject: &Subject) -> Result<()> {
    let found = subject.runtime.pod_sandbox_status("nosuch", false).await;
    ensure!(found.as_ref().is_err_and(Error::is_not_found), "{found:?}");
    subject
        .runtime
        .remove_pod_sandbox("nosuch")
        .await
        .context("removal of what is not there")?;
    let created = subject
        .runtime
        .create_container("nosuch", &subject.container("main", SLEEP), &subject.pod())
        .await;
    ensure!(
        created.is_err_and(|error| error.message().contains("failed to find sandbox id \"nosuch\"")),
        "created"
    );
    Ok(())
}
