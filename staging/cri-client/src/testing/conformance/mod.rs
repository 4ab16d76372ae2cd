//! What any container runtime must do, whoever implements it.
//!
//! The cases know nothing but the two traits and a [`Subject`]: the in-memory runtime, the same behind gRPC, and a real
//! containerd all pass them. Each case makes its own pod and removes it, so that one failing case leaves the others alone.

mod containers;
mod images;
mod sandboxes;
mod streaming;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{Instant, sleep};

use super::{Containerd, FakeRuntime, OnTerm, Program, Stream, containerd};
use crate::api::*;
use crate::{ImageService, RuntimeService};

/// A runtime under test, with what a case must know of its surroundings.
pub struct Subject {
    /// Its sandboxes and containers.
    pub runtime: Arc<dyn RuntimeService>,
    /// Its images.
    pub images: Arc<dyn ImageService>,
    /// An image it holds, with a shell.
    pub image: String,
    /// A directory for container logs.
    pub log_directory: PathBuf,
    /// The cgroup to make pods in.
    pub cgroup_parent: String,
    next: AtomicU32,
}

/// A case of the suite.
type Case = for<'a> fn(&'a Subject) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Lists the cases of all files by name.
macro_rules! cases {
    ($($module:ident { $($case:ident),* $(,)? })*) => {
        const CASES: &[(&str, Case)] =
            &[$($((concat!(stringify!($module), "::", stringify!($case)), |subject| Box::pin($module::$case(subject))),)*)*];
    };
}

cases! {
    sandboxes {
        version_and_conditions, life_cycle, names_are_unique, lists_are_filtered, host_network_has_no_address_of_its_own,
        removal_takes_containers_along, missing_sandbox_is_not_found,
    }
    containers {
        life_cycle, exit_code_and_logs, completion_is_told_apart, stop_waits_then_kills, running_container_is_removed,
        lists_are_filtered, start_is_refused_twice, missing_container_is_not_found, missing_image_is_refused,
        stopped_sandbox_takes_no_container, log_is_reopened, resources_can_change, statistics_name_their_container,
    }
    streaming {
        exec_sync_returns_all, exec_sync_times_out, exec_sync_needs_a_running_container, urls_are_given, events_or_unimplemented,
    }
    images { status_and_list, removal_is_idempotent, unreachable_image_is_not_pulled, file_system_is_measured }
}

/// Runs every case and reports all that fail.
///
/// # Errors
/// The names and reasons of the failed cases.
pub async fn run(subject: &Subject) -> Result<()> {
    let mut failed = Vec::new();
    for (name, case) in CASES {
        if let Err(error) = case(subject).await {
            failed.push(format!("{name}: {error:#}"));
        }
    }
    ensure!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        CASES.len(),
        failed.join("\n")
    );
    Ok(())
}

impl Subject {
    /// A real containerd.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn containerd(containerd: &Containerd) -> Result<Self> {
        Ok(Self {
            runtime: containerd.runtime().await?,
            images: containerd.images().await?,
            image: containerd::BUSYBOX_IMAGE.to_owned(),
            log_directory: containerd.log_directory(),
            cgroup_parent: containerd.cgroup_parent(),
            next: AtomicU32::new(0),
        })
    }

    /// The in-memory runtime, taught the programs of the suite; `runtime` and `images` may be clients in front of it.
    pub fn fake(
        fake: &FakeRuntime,
        runtime: Arc<dyn RuntimeService>,
        images: Arc<dyn ImageService>,
        log_directory: PathBuf,
    ) -> Self {
        fake.add_image(containerd::BUSYBOX_IMAGE, 4_000_000);
        let exits = |code, out: &str, err: &str| Program {
            run_for: Some(Duration::from_millis(1)),
            exit_code: code,
            output: [(Stream::Stdout, out), (Stream::Stderr, err)]
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(stream, text)| (stream, text.to_owned()))
                .collect(),
            ..Program::default()
        };
        let programs: [(&[&str], Program); 8] = [
            (
                STUBBORN,
                Program {
                    on_term: OnTerm::Ignore,
                    ..Program::default()
                },
            ),
            (SLEEP, Program::default()),
            (
                TRAP,
                Program {
                    on_term: OnTerm::Exit(7),
                    ..Program::default()
                },
            ),
            (FAIL, exits(3, "out", "err")),
            (SUCCEED, exits(0, "", "")),
            (
                TICK,
                Program {
                    ticks: Some((Duration::from_millis(50), "tick".to_owned())),
                    ..Program::default()
                },
            ),
            (EXEC, exits(4, "hello\n", "oops\n")),
            (HANG, Program::default()),
        ];
        for (command, program) in programs {
            fake.add_program(command, program);
        }
        Self {
            runtime,
            images,
            image: containerd::BUSYBOX_IMAGE.to_owned(),
            log_directory,
            cgroup_parent: "/pods".to_owned(),
            next: AtomicU32::new(0),
        }
    }

    /// The configuration of a new pod.
    pub fn pod(&self) -> PodSandboxConfig {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("pod-{number}");
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.clone(),
                uid: format!("uid-{number}"),
                namespace: "default".into(),
                attempt: 0,
            }),
            hostname: name.clone(),
            log_directory: self.log_directory.join(&name).display().to_string(),
            labels: [("app".to_owned(), name.clone())].into(),
            annotations: [("note".to_owned(), "kept".to_owned())].into(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: format!("{}/{name}", self.cgroup_parent),
                security_context: Some(LinuxSandboxSecurityContext::default()),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// The configuration of a container that runs `command`.
    pub fn container(&self, name: &str, command: &[&str]) -> ContainerConfig {
        ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: name.into(),
                attempt: 0,
            }),
            image: Some(ImageSpec {
                image: self.image.clone(),
                ..Default::default()
            }),
            command: words(command),
            labels: [("name".to_owned(), name.to_owned())].into(),
            annotations: [("note".to_owned(), "kept".to_owned())].into(),
            log_path: format!("{name}.log"),
            linux: Some(LinuxContainerConfig::default()),
            ..Default::default()
        }
    }

    /// A ready pod with one running container.
    async fn running(&self, command: &[&str]) -> Result<Pod<'_>> {
        let mut pod = self.started_pod().await?;
        pod.container = pod.start("main", command).await?;
        Ok(pod)
    }

    /// A ready pod without containers.
    async fn started_pod(&self) -> Result<Pod<'_>> {
        let config = self.pod();
        std::fs::create_dir_all(&config.log_directory)?;
        let sandbox = self.runtime.run_pod_sandbox(&config, "").await.context("run sandbox")?;
        Ok(Pod {
            subject: self,
            config,
            sandbox,
            container: String::new(),
        })
    }
}

/// Cares for no request to stop.
const STUBBORN: &[&str] = &["sh", "-c", "trap '' TERM; while :; do sleep 1; done"];
/// Runs for an hour, or until it is stopped.
const SLEEP: &[&str] = &["sleep", "3600"];
/// Ends with code 7 when it is asked to stop.
const TRAP: &[&str] = &["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.02; done"];
/// Writes to both streams and fails.
const FAIL: &[&str] = &["sh", "-c", "echo out; echo err >&2; exit 3"];
/// Ends at once.
const SUCCEED: &[&str] = &["true"];
/// Writes for ever.
const TICK: &[&str] = &[
    "sh",
    "-c",
    "trap 'exit 0' TERM; while :; do echo tick; sleep 0.05; done",
];
/// A command to be run inside: writes to both streams and fails.
const EXEC: &[&str] = &["sh", "-c", "echo hello; echo oops >&2; exit 4"];
/// A command to be run inside: does not end.
const HANG: &[&str] = &["sleep", "60"];

/// A pod of one case.
struct Pod<'a> {
    subject: &'a Subject,
    config: PodSandboxConfig,
    sandbox: String,
    /// The first container, if there is one.
    container: String,
}

impl Pod<'_> {
    fn runtime(&self) -> &dyn RuntimeService {
        self.subject.runtime.as_ref()
    }

    /// Makes and starts a container.
    async fn start(&self, name: &str, command: &[&str]) -> Result<String> {
        let config = self.subject.container(name, command);
        let id = self
            .runtime()
            .create_container(&self.sandbox, &config, &self.config)
            .await
            .context("create")?;
        self.runtime().start_container(&id).await.context("start")?;
        Ok(id)
    }

    async fn container_status(&self, id: &str) -> Result<ContainerStatus> {
        self.runtime()
            .container_status(id, false)
            .await?
            .status
            .context("an answer without a status")
    }

    /// Gives a shell the moment it needs to set its trap.
    async fn settled(&self) {
        sleep(Duration::from_millis(200)).await;
    }

    /// Waits until a container has ended.
    async fn ended(&self, id: &str) -> Result<ContainerStatus> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.container_status(id).await?;
            if status.state() == ContainerState::Exited {
                return Ok(status);
            }
            ensure!(
                Instant::now() < end,
                "container does not end, it is {:?}",
                status.state()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The lines of a container's log, each as stream, tag and text.
    fn log(&self, name: &str) -> Result<Vec<(String, String, String)>> {
        let path = PathBuf::from(&self.config.log_directory).join(format!("{name}.log"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let mut lines = Vec::new();
        for line in text.lines() {
            let parts: Vec<_> = line.splitn(4, ' ').collect();
            let [time, stream, tag, text] = parts.as_slice() else {
                bail!("malformed log line {line:?}")
            };
            ensure!(time.parse::<jiff::Timestamp>().is_ok(), "malformed time in {line:?}");
            lines.push(((*stream).to_owned(), (*tag).to_owned(), (*text).to_owned()));
        }
        Ok(lines)
    }

    /// Removes the pod with all that is in it.
    async fn remove(self) -> Result<()> {
        self.runtime()
            .stop_pod_sandbox(&self.sandbox)
            .await
            .context("stop sandbox")?;
        self.runtime()
            .remove_pod_sandbox(&self.sandbox)
            .await
            .context("remove sandbox")
    }
}

/// Owned words of a command.
fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}
