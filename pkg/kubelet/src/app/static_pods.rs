//! Static pods: looked for when their directory changes, and once in a while.

use std::path::{Path, PathBuf};
use std::time::Duration;

use component_base::files::FileWatcher;
use kubelet_config::KubeletConfiguration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::pods::{PodEvent, Source, read_static_pods};

/// Whether files are a source of pods.
pub(super) fn configured(configuration: &KubeletConfiguration) -> bool {
    !configuration.static_pod_path.is_empty()
}

/// Follows the files of static pods.
pub(super) fn start(
    configuration: &KubeletConfiguration,
    node: &str,
    events: &mpsc::Sender<PodEvent>,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) {
    if !configured(configuration) {
        return;
    }
    let path = PathBuf::from(&configuration.static_pod_path);
    let period = configuration.file_check_frequency.to_std();
    let (node, events, cancel) = (node.to_owned(), events.clone(), cancel.clone());
    tasks.spawn(async move {
        // Cancellation is the only end, or that nobody listens any more.
        let _ = cancel.run_until_cancelled(follow(&path, period, &node, &events)).await;
    });
}

async fn follow(path: &Path, period: Duration, node: &str, events: &mpsc::Sender<PodEvent>) {
    tracing::info!(path = %path.display(), "Adding static pod path");
    let mut watcher = FileWatcher::directory(path)
        .inspect_err(|error| tracing::error!(%error, "static pods are looked for once in a while only"))
        .ok();
    loop {
        match read_static_pods(path, node) {
            Ok((pods, errors)) => {
                for error in errors {
                    tracing::error!(%error, "Could not process manifest file");
                }
                if events.send(PodEvent::Set(Source::File, pods)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(%error, path = %path.display(), "Unable to read config path"),
        }
        let changed = async {
            match &mut watcher {
                Some(watcher) => watcher.changed().await,
                None => std::future::pending().await,
            }
        };
        if let Ok(Err(error)) = tokio::time::timeout(period, changed).await {
            tracing::error!(%error, "the files of static pods cannot be watched any more");
            watcher = None;
        }
    }
}
