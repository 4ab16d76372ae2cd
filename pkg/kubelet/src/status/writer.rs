//! Brings statuses to the API server: only what changed, the latest only, and again until it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use k8s_api::core::v1::{Pod, PodStatus};
use kubelet_prober::StatusSource;
use kubelet_types::seams::{ApiError, PodClient};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// So many writes are under way at a time.
const PARALLEL: usize = 8;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// The API object that a status is written to: the pod's own, or the mirror of a static pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusTarget {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl StatusTarget {
    /// The pod itself.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        Self {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
        }
    }
}

struct Entry {
    status: Arc<PodStatus>,
    target: Option<StatusTarget>,
    /// What the API server has, as far as is known.
    written: Option<Arc<PodStatus>>,
    /// Everything of the pod has ended on this node, and the API server wants it deleted.
    delete: bool,
}

/// The latest status of every pod.
pub struct StatusWriter {
    client: Arc<dyn PodClient>,
    entries: Mutex<BTreeMap<String, Entry>>,
    pending: Mutex<BTreeSet<String>>,
    wake: Notify,
}

impl StatusSource for StatusWriter {
    fn pod_status(&self, uid: &str) -> Option<Arc<PodStatus>> {
        self.entries.lock().get(uid).map(|entry| entry.status.clone())
    }
}

impl StatusWriter {
    /// No statuses yet.
    #[must_use]
    pub fn new(client: Arc<dyn PodClient>) -> Self {
        Self {
            client,
            entries: Mutex::default(),
            pending: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Sets the status of a pod; written only if it differs from what is there. Without a target it is kept and not written.
    pub fn set(&self, pod: &Pod, status: PodStatus, target: Option<StatusTarget>) {
        let uid = &pod.metadata.uid;
        let mut entries = self.entries.lock();
        let entry = entries.entry(uid.clone()).or_insert_with(|| Entry {
            status: Arc::default(),
            target: None,
            written: None,
            delete: false,
        });
        if entry.target != target {
            entry.written = None;
            entry.target = target;
        }
        // What the API server shows for this very pod is what was written last, whoever wrote it.
        if entry.target.as_ref().is_some_and(|target| target.uid == *uid) && entry.written.is_none() {
            entry.written = Some(Arc::new(pod.status.clone()));
        }
        if *entry.status != status {
            entry.status = Arc::new(status);
        }
        let due = entry.target.is_some() && entry.written.as_ref() != Some(&entry.status);
        drop(entries);
        if due {
            self.enqueue(uid);
        }
    }

    /// The pod has ended here for good: its API object may go once its last status is written.
    pub fn finish(&self, uid: &str) {
        if let Some(entry) = self.entries.lock().get_mut(uid) {
            entry.delete = true;
        }
        self.enqueue(uid);
    }

    /// Forgets a pod.
    pub fn remove(&self, uid: &str) {
        self.entries.lock().remove(uid);
        self.pending.lock().remove(uid);
    }

    fn enqueue(&self, uid: &str) {
        self.pending.lock().insert(uid.to_owned());
        self.wake.notify_one();
    }

    /// Writes until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut retry = FIRST_RETRY;
        loop {
            let batch = std::mem::take(&mut *self.pending.lock());
            let results = stream::iter(batch).map(|uid| async move { (self.write(&uid).await, uid) });
            let failed: Vec<_> = results
                .buffer_unordered(PARALLEL)
                .filter_map(|(result, uid)| async move {
                    let error = result.err()?;
                    tracing::warn!(%error, uid, "failed to update status for pod");
                    Some(uid)
                })
                .collect()
                .await;
            let any_failed = !failed.is_empty();
            self.pending.lock().extend(failed);
            let pause = if any_failed { retry } else { Duration::MAX };
            retry = if any_failed {
                (retry * 2).min(LAST_RETRY)
            } else {
                FIRST_RETRY
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn write(&self, uid: &str) -> Result<(), ApiError> {
        let (status, target, written, delete) = {
            let entries = self.entries.lock();
            let Some(entry) = entries.get(uid) else { return Ok(()) };
            let Some(target) = entry.target.clone() else {
                return Ok(());
            };
            (entry.status.clone(), target, entry.written.clone(), entry.delete)
        };
        let StatusTarget {
            namespace,
            name,
            uid: target_uid,
        } = &target;
        if written.as_ref() != Some(&status) {
            let old = written.unwrap_or_default();
            match self
                .client
                .patch_status(namespace, name, target_uid, &old, &status)
                .await
            {
                Ok(_) => {
                    if let Some(entry) = self.entries.lock().get_mut(uid) {
                        entry.written = Some(status);
                    }
                }
                // It is gone, or another one has its name: there is nothing to write to.
                Err(ApiError::NotFound(_)) => return Ok(()),
                Err(ApiError::Conflict(reason)) => {
                    tracing::debug!(reason, name, "the pod was replaced");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if delete {
            match self.client.delete(namespace, name, target_uid).await {
                Ok(()) | Err(ApiError::NotFound(_) | ApiError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
