//! The runtime as the kubelet sees it: its parts, settings, and what it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cri_client::api::{ContainerFilter, ContainerStatus, PodSandboxFilter, PodSandboxState};
use cri_client::{ImageService, Result, RuntimeService};
use futures::future::join_all;
use kubelet_prober::Results;
use kubelet_types::backoff::Backoff;
use kubelet_types::clock::SharedClock;
use kubelet_types::seams::{EventRecorder, ObjectSource};
use kubelet_volume::Mounter;

use crate::credential_provider::CredentialProviders;
use crate::dns::DnsOptions;
use crate::image::{ImageOptions, ImagePuller};
use crate::labels::{self, read_annotations};
use crate::pull_records::PullRecords;
use crate::status::{ContainerRecord, PodRecord, RuntimePod};
use crate::sync::PodIds;

/// The first delay before a failed container is started again.
const INITIAL_BACKOFF: Duration = Duration::from_secs(10);
/// No more of a container's last words is kept.
const MAX_MESSAGE: usize = 4096;
/// No more than this of a log stands in for last words.
const MAX_LOG_MESSAGE: usize = 2048;
/// No more than so many lines of it.
const MAX_LOG_LINES: usize = 80;

/// Settings of the node.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// The kubelet's root directory.
    pub root: PathBuf,
    /// Where the logs of pods lie.
    pub pod_logs: PathBuf,
    /// Where links to the logs of containers lie; none without.
    pub container_logs: Option<PathBuf>,
    /// Where seccomp profiles of the node lie.
    pub seccomp_profile_root: PathBuf,
    /// Whether containers without a profile get the runtime's.
    pub seccomp_default: bool,
    /// Whether CPU limits are enforced.
    pub cpu_cfs_quota: bool,
    /// By which period.
    pub cpu_cfs_quota_period: Duration,
    /// The longest delay before a failed container is started again.
    pub max_container_restart_period: Duration,
    /// The node's memory in bytes.
    pub memory_capacity: i64,
    /// Whether cgroups are of version 2.
    pub cgroup_v2: bool,
    /// Whether version 2 can limit swap.
    pub swap_available: bool,
    /// The node's swap in bytes that containers of burstable pods share by their memory requests; `None` keeps swap from
    /// all containers.
    pub swap_shared: Option<i64>,
    /// Whether the kernel may kill one process of a container that is out of memory, and not all.
    pub single_process_oom_kill: bool,
    /// Resolver settings.
    pub dns: DnsOptions,
    /// Pulls.
    pub images: ImageOptions,
}

/// What the runtime works with.
pub struct RuntimeParts {
    /// Sandboxes and containers.
    pub runtime: Arc<dyn RuntimeService>,
    /// Images.
    pub images: Arc<dyn ImageService>,
    /// Events.
    pub recorder: Arc<dyn EventRecorder>,
    /// Config maps, secrets and services.
    pub objects: Arc<dyn ObjectSource>,
    /// Verdicts of probes.
    pub results: Arc<Results>,
    /// Mounts of sub-paths.
    pub mounter: Arc<dyn Mounter>,
    /// The time.
    pub clock: SharedClock,
}

/// Brings pods to what their specifications say.
pub struct KubeRuntime {
    pub(crate) parts: RuntimeParts,
    pub(crate) options: RuntimeOptions,
    pub(crate) name: String,
    pub(crate) puller: ImagePuller,
    pub(crate) backoff: Backoff,
}

impl KubeRuntime {
    /// Asks the runtime for its name, which goes in front of container ids.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn new(parts: RuntimeParts, options: RuntimeOptions) -> Result<Self> {
        let version = parts.runtime.version("v1").await?;
        let puller = ImagePuller::new(
            parts.images.clone(),
            parts.recorder.clone(),
            parts.clock.clone(),
            options.images.clone(),
        );
        let backoff = Backoff::new(
            parts.clock.clone(),
            INITIAL_BACKOFF,
            options.max_container_restart_period,
        );
        Ok(Self {
            parts,
            options,
            name: version.runtime_name,
            puller,
            backoff,
        })
    }

    /// With programs that give credentials of registries.
    #[must_use]
    pub fn with_credential_providers(mut self, providers: CredentialProviders) -> Self {
        self.puller.set_providers(providers);
        self
    }

    /// With records of who has pulled which image, by which pods are kept from those that are not theirs.
    #[must_use]
    pub fn with_pull_records(mut self, records: Arc<PullRecords>) -> Self {
        self.puller.set_records(records);
        self
    }

    /// The records of who has pulled which image, if they are kept.
    #[must_use]
    pub fn pull_records(&self) -> Option<&Arc<PullRecords>> {
        self.puller.records()
    }

    /// The runtime's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The services below.
    #[must_use]
    pub fn services(&self) -> &RuntimeParts {
        &self.parts
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &RuntimeOptions {
        &self.options
    }

    /// A container's id as the API shows it.
    #[must_use]
    pub fn container_id(&self, id: &str) -> String {
        format!("{}://{id}", self.name)
    }

    /// All pods that the runtime holds anything of, by uid.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn list_pods(&self) -> Result<BTreeMap<String, RuntimePod>> {
        let runtime = &self.parts.runtime;
        let (sandboxes, containers) =
            futures::try_join!(runtime.list_pod_sandboxes(None), runtime.list_containers(None))?;
        let mut pods: BTreeMap<String, RuntimePod> = BTreeMap::new();
        let mut of = |found: &BTreeMap<String, String>, apply: &mut dyn FnMut(&mut RuntimePod)| {
            let Some(uid) = found.get(labels::POD_UID) else { return };
            let pod = pods.entry(uid.clone()).or_insert_with(|| RuntimePod {
                uid: uid.clone(),
                name: found.get(labels::POD_NAME).cloned().unwrap_or_default(),
                namespace: found.get(labels::POD_NAMESPACE).cloned().unwrap_or_default(),
                ..Default::default()
            });
            apply(pod);
        };
        for sandbox in &sandboxes {
            let ready = sandbox.state() == PodSandboxState::Ready;
            of(&sandbox.labels, &mut |pod| {
                pod.sandboxes.insert(sandbox.id.clone(), ready);
            });
        }
        for container in &containers {
            let state = container.state().into();
            of(&container.labels, &mut |pod| {
                pod.containers.insert(container.id.clone(), state);
            });
        }
        Ok(pods)
    }

    /// All that the runtime knows of one pod. What disappears meanwhile is left out.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn pod_status(&self, uid: &str, name: &str, namespace: &str) -> Result<PodRecord> {
        let runtime = &self.parts.runtime;
        let selector = BTreeMap::from([(labels::POD_UID.to_owned(), uid.to_owned())]);
        let sandboxes = PodSandboxFilter {
            label_selector: selector.clone(),
            ..Default::default()
        };
        let containers = ContainerFilter {
            label_selector: selector,
            ..Default::default()
        };
        let (sandboxes, containers) = futures::try_join!(
            runtime.list_pod_sandboxes(Some(sandboxes)),
            runtime.list_containers(Some(containers))
        )?;
        let held = PodIds {
            sandboxes: sandboxes.into_iter().map(|sandbox| sandbox.id).collect(),
            containers: containers.into_iter().map(|container| container.id).collect(),
        };
        self.status_of(&held, uid, name, namespace).await
    }

    /// What the runtime knows of these sandboxes and containers, which are all of one pod. What disappears meanwhile is left
    /// out.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn status_of(&self, held: &PodIds, uid: &str, name: &str, namespace: &str) -> Result<PodRecord> {
        let runtime = &self.parts.runtime;
        let sandboxes = held.sandboxes.iter().map(|id| runtime.pod_sandbox_status(id, false));
        let containers = held.containers.iter().map(|id| runtime.container_status(id, false));
        let (sandboxes, containers) = futures::join!(join_all(sandboxes), join_all(containers));
        let mut found_sandboxes = Vec::new();
        for answer in sandboxes {
            match answer {
                Ok(answer) => found_sandboxes.extend(answer.status),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let mut found_containers = Vec::new();
        for answer in containers {
            match answer {
                Ok(answer) => {
                    found_containers.extend(answer.status.and_then(|it| ContainerRecord::new(it, last_words)))
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let identity = (uid.to_owned(), name.to_owned(), namespace.to_owned());
        Ok(PodRecord::new(identity, found_containers, found_sandboxes))
    }
}

/// What a container that ended left: its termination log, or the end of its log if it is to stand in, or the runtime's words.
fn last_words(status: &ContainerStatus) -> String {
    let annotated = read_annotations(&status.annotations);
    let fallback = annotated.fallback_to_logs && status.exit_code != 0;
    let path = &annotated.termination_message_path;
    let mount = status
        .mounts
        .iter()
        .find(|mount| !path.is_empty() && mount.container_path == *path);
    let mut words = match mount.map(|mount| (tail(&mount.host_path, MAX_MESSAGE), &mount.host_path)) {
        Some((Ok(bytes), _)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some((Err(error), _)) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Some((Err(error), path)) => format!("Error on reading termination log {path}: {error}"),
        None => String::new(),
    };
    if words.is_empty() && fallback {
        words = log_end(&status.log_path);
    }
    if status.message.is_empty() || words.is_empty() {
        return format!("{}{words}", status.message);
    }
    format!("{}: {words}", status.message)
}

/// The last bytes of a file.
fn tail(path: &str, most: usize) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last lines of a container's log, without times and streams. Text that ended without a newline gets none.
fn log_end(path: &str) -> String {
    let Ok(bytes) = tail(path, MAX_LOG_MESSAGE * 2) else {
        return String::new();
    };
    let lines: Vec<_> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| kubelet_logs::parse(line).ok())
        .collect();
    let mut end = String::new();
    for line in &lines[lines.len().saturating_sub(MAX_LOG_LINES)..] {
        end.push_str(&String::from_utf8_lossy(line.text));
        if !line.partial {
            end.push('\n');
        }
    }
    let mut cut = end.len().saturating_sub(MAX_LOG_MESSAGE);
    while !end.is_char_boundary(cut) {
        cut += 1;
    }
    end.split_off(cut)
}

#[cfg(test)]
mod tests {
    use super::log_end;

    #[test]
    fn the_end_of_a_log() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("a path");
        for (log, expected) in [
            ("2026-01-01T00:00:00Z stdout P DONE\n", "DONE"),
            ("2026-01-01T00:00:00Z stdout F DONE\n", "DONE\n"),
            (
                "2026-01-01T00:00:00Z stdout P one \n2026-01-01T00:00:00Z stdout F line\n2026-01-01T00:00:01Z stderr F two\n",
                "one line\ntwo\n",
            ),
            ("no log\n", ""),
        ] {
            std::fs::write(path, log).expect("written");
            assert_eq!(log_end(path), expected, "{log}");
        }
        assert_eq!(log_end("/nonexistent"), "");
    }
}
