//! The files of containers' logs beside the logs themselves: links by which collectors find them, and what goes with a
//! removed container.
//!
//! The runtime writes `<pod logs>/<namespace>_<name>_<uid>/<container>/<attempt>.log`; a link
//! `/var/log/containers/<pod>_<namespace>_<container>-<id>.log` leads there (upstream: `kuberuntime/legacy.go`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::labels;
use crate::runtime::KubeRuntime;
use crate::status::ContainerState;

/// File systems take no longer names.
const MAX_NAME: usize = 255;
const SUFFIX: &str = ".log";

/// The link of a container's log; the names are cut short before the id is.
pub(crate) fn link(directory: &Path, pod: &str, namespace: &str, container: &str, id: &str) -> PathBuf {
    let tail = format!("-{id}{SUFFIX}");
    let mut name = format!("{pod}_{namespace}_{container}");
    name.truncate(MAX_NAME.saturating_sub(tail.len()));
    directory.join(name + &tail)
}

/// The id of the container that a link is for.
fn linked_id(link: &Path) -> Option<&str> {
    let name = link.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    let id = name.rsplit('-').next()?;
    (id.len() >= 6).then_some(id)
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a log and those that were rotated away from it.
fn remove_log(path: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_file(path))?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let rotated = format!("{name}.");
    for entry in entries {
        let entry = entry?;
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(&rotated))
        {
            ignore_missing(fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// The uid in the name of a pod's log directory.
fn uid_of(directory: &str) -> Option<&str> {
    directory.splitn(3, '_').nth(2)
}

impl KubeRuntime {
    /// Links the log of a container that was started; collectors do without a link that cannot be made.
    pub(crate) fn link_log(&self, pod: &k8s_api::core::v1::Pod, container: &str, id: &str, log: &Path) {
        let Some(directory) = &self.options.container_logs else {
            return;
        };
        if !log.exists() {
            return;
        }
        let meta = &pod.metadata;
        let link = link(directory, &meta.name, &meta.namespace, container, id);
        if let Err(error) = std::os::unix::fs::symlink(log, &link)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            tracing::error!(%error, link = %link.display(), log = %log.display(), "Failed to create legacy symbolic link");
        }
    }

    /// Removes a container that has ended, its logs, and the link to them.
    pub(crate) async fn remove_with_logs(&self, id: &str) -> cri_client::Result<()> {
        match self.parts.runtime.container_status(id, false).await {
            Ok(answer) => {
                if let Some(status) = answer.status {
                    self.remove_logs(id, &status);
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        self.parts.runtime.remove_container(id).await
    }

    fn remove_logs(&self, id: &str, status: &cri_client::api::ContainerStatus) {
        let failed = |error: io::Error, path: &Path| {
            tracing::error!(%error, id, path = %path.display(), "Failed to remove container log");
        };
        if !status.log_path.is_empty() {
            let path = Path::new(&status.log_path);
            remove_log(path).unwrap_or_else(|error| failed(error, path));
        }
        let label = |key: &str| status.labels.get(key).map_or("", String::as_str);
        if let Some(directory) = &self.options.container_logs {
            let (pod, namespace) = (label(labels::POD_NAME), label(labels::POD_NAMESPACE));
            let link = link(directory, pod, namespace, label(labels::CONTAINER_NAME), id);
            ignore_missing(fs::remove_file(&link)).unwrap_or_else(|error| failed(error, &link));
        }
    }

    /// Removes the log directories of pods that nobody knows, and links that lead nowhere. A link of a running container
    /// leads nowhere for a moment while its log is rotated.
    pub(crate) async fn collect_log_files(&self, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in Self::entries(&self.options.pod_logs)? {
            let name = entry.file_name();
            let gone = name
                .and_then(|name| name.to_str())
                .and_then(uid_of)
                .is_some_and(|uid| !keep(uid));
            if gone && let Err(error) = ignore_missing(fs::remove_dir_all(&entry)) {
                tracing::error!(%error, path = %entry.display(), "Failed to remove pod logs directory");
            }
        }
        let Some(directory) = &self.options.container_logs else {
            return Ok(());
        };
        for link in Self::entries(directory)? {
            let Some(id) = linked_id(&link).filter(|_| !link.exists()) else {
                continue;
            };
            let status = self.parts.runtime.container_status(id, false).await;
            let state = status
                .ok()
                .and_then(|answer| answer.status)
                .map(|status| status.state().into());
            if state.is_some_and(|state: ContainerState| state != ContainerState::Exited) {
                continue;
            }
            if let Err(error) = ignore_missing(fs::remove_file(&link)) {
                tracing::error!(%error, link = %link.display(), "Failed to remove container log dead symlink");
            }
        }
        Ok(())
    }

    fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_upstream_s_names_and_no_more_than_a_file_system_takes() {
        let directory = Path::new("/var/log/containers");
        assert_eq!(
            link(directory, "p", "ns", "c", "0123456789"),
            Path::new("/var/log/containers/p_ns_c-0123456789.log")
        );
        let long = link(directory, &"p".repeat(250), "ns", "c", "0123456789");
        let name = long.file_name().and_then(|name| name.to_str()).expect("a name");
        assert_eq!(name.len(), 255);
        assert_eq!(linked_id(&long), Some("0123456789"));
        assert_eq!(uid_of("ns_p_0f6e-1"), Some("0f6e-1"));
    }

    #[test]
    fn rotated_logs_go_with_their_log() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for name in [
            "0.log",
            "0.log.20260101-000000",
            "0.log.20260101-000001.gz",
            "10.log",
            "1.log",
        ] {
            fs::write(path(name), "x").expect("a file");
        }
        remove_log(&path("0.log")).expect("removed");
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        left.sort();
        assert_eq!(left, ["1.log", "10.log"]);
    }
}
