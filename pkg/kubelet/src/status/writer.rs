//! Brings statuses to the API server: only what changed, the latest only, and again until it is there. Where another has
//! written over it, it is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use k8s_api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use kubelet_prober::StatusSource;
use kubelet_types::seams::{ApiError, PodClient};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So many writes are under way at a time.
const PARALLEL: usize = 8;
/// How long a status may wait that says only that a pod is being started: one that starts at once is told of once, and the
/// write does not take the time of the start.
const STARTING: Duration = Duration::from_millis(300);
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
    /// The object's revision that `written` is of; what the cache still shows of an earlier one does not count.
    revision: u64,
    /// Everything of the pod has ended on this node, and the API server wants it deleted.
    delete: bool,
}

/// The latest status of every pod.
pub struct StatusWriter {
    client: Arc<dyn PodClient>,
    entries: Mutex<BTreeMap<String, Entry>>,
    pending: Mutex<BTreeSet<String>>,
    /// Those that have time until then.
    waiting: Mutex<BTreeMap<String, Instant>>,
    wake: Notify,
}

fn revision_of(pod: &Pod) -> u64 {
    pod.metadata.resource_version.parse().unwrap_or_default()
}

/// Conditions that are the kubelet's alone to know; others may write them, as the node's controller does when a node is lost.
const OWN_CONDITIONS: [&str; 4] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"];

/// Whether two statuses agree in what only the kubelet knows. Times and words do not count: the API server rounds them.
fn says_the_same(one: &PodStatus, other: &PodStatus) -> bool {
    let conditions = |status: &PodStatus| -> BTreeMap<String, String> {
        let own = status.conditions.iter();
        own.filter(|it| OWN_CONDITIONS.contains(&it.type_.as_str()))
            .map(|it| (it.type_.clone(), it.status.clone()))
            .collect()
    };
    let containers = |status: &PodStatus| -> BTreeMap<String, (String, bool, i32)> {
        let all = status.init_container_statuses.iter().chain(&status.container_statuses);
        all.map(|it| (it.name.clone(), (it.container_id.clone(), it.ready, it.restart_count)))
            .collect()
    };
    one.phase == other.phase && conditions(one) == conditions(other) && containers(one) == containers(other)
}

/// Whether a pod is on its way and nothing is to be told of it yet.
fn is_starting(status: &PodStatus) -> bool {
    let on_its_way = |it: &ContainerStatus| {
        let waiting = it.state.waiting.as_deref();
        waiting.is_some_and(|it| matches!(it.reason.as_str(), "ContainerCreating" | "PodInitializing"))
            && it.restart_count == 0
            && it.last_state == ContainerState::default()
    };
    let mut all = status.init_container_statuses.iter().chain(&status.container_statuses);
    status.phase == "Pending" && status.reason.is_empty() && all.all(on_its_way)
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
            waiting: Mutex::default(),
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
            revision: 0,
            delete: false,
        });
        if entry.target != target {
            entry.written = None;
            entry.target = target;
        }
        // What the API server shows for this very pod is what was written last, whoever wrote it: also a status of ours that
        // another has written over since.
        if entry.target.as_ref().is_some_and(|target| target.uid == *uid) {
            let revision = revision_of(pod);
            let overwritten = || {
                entry
                    .written
                    .as_ref()
                    .is_some_and(|written| !says_the_same(written, &pod.status))
            };
            if entry.written.is_none() || (revision > entry.revision && overwritten()) {
                entry.written = Some(Arc::new(pod.status.clone()));
                entry.revision = revision;
            }
        }
        if *entry.status != status {
            entry.status = Arc::new(status);
        }
        let due = entry.target.is_some() && entry.written.as_ref() != Some(&entry.status);
        let starting = is_starting(&entry.status);
        drop(entries);
        if due && starting {
            let moment = Instant::now() + STARTING;
            self.waiting.lock().entry(uid.clone()).or_insert(moment);
            self.wake.notify_one();
        } else if due {
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
        self.waiting.lock().remove(uid);
    }

    /// Those that have waited long enough, and when the next one has.
    fn waited(&self) -> (Vec<String>, Option<Instant>) {
        let (now, mut waiting) = (Instant::now(), self.waiting.lock());
        let due = waiting
            .extract_if(.., |_, moment| *moment <= now)
            .map(|(uid, _)| uid)
            .collect();
        (due, waiting.values().min().copied())
    }

    fn enqueue(&self, uid: &str) {
        self.waiting.lock().remove(uid);
        self.pending.lock().insert(uid.to_owned());
        self.wake.notify_one();
    }

    /// Writes until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut retry = FIRST_RETRY;
        loop {
            let (waited, _) = self.waited();
            let mut batch = std::mem::take(&mut *self.pending.lock());
            batch.extend(waited);
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
            // One that has waited long enough meanwhile is written in the next turn.
            let (waited, next) = self.waited();
            let pause = match next {
                _ if !waited.is_empty() => Duration::ZERO,
                Some(moment) => pause.min(moment.duration_since(Instant::now())),
                None => pause,
            };
            self.pending.lock().extend(waited);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes in what the server has after a write. Only what differed from the status before was sent, and another may have
    /// written something else over in between: what shows that then is the server's answer, and no later event.
    fn note_written(
        &self,
        uid: &str,
        target: &StatusTarget,
        status: &Arc<PodStatus>,
        shown: Pod,
    ) -> Result<(), ApiError> {
        let taken = says_the_same(status, &shown.status);
        let revision = revision_of(&shown);
        let known = if taken { status.clone() } else { Arc::new(shown.status) };
        self.note_shown(uid, target, revision, known);
        taken
            .then_some(())
            .ok_or_else(|| ApiError::Conflict(format!("the status of pod {:?} was written over", target.name)))
    }

    /// What the server has is what the next write goes by.
    fn note_shown(&self, uid: &str, target: &StatusTarget, revision: u64, status: Arc<PodStatus>) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(uid).filter(|it| it.target.as_ref() == Some(target)) {
            entry.revision = revision;
            entry.written = Some(status);
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
                Ok(shown) => {
                    tracing::trace!(pod = name, phase = shown.status.phase, "status written");
                    self.note_written(uid, &target, &status, shown)?;
                }
                // It is gone: there is nothing to write to.
                Err(ApiError::NotFound(_)) => return Ok(()),
                Err(ApiError::Conflict(reason)) => {
                    let shown = match self.client.get(namespace, name).await {
                        Err(ApiError::NotFound(_)) => return Ok(()),
                        found => found?,
                    };
                    if shown.metadata.uid != *target_uid {
                        tracing::debug!(name, "Pod was deleted and then recreated, skipping status update");
                        return Ok(());
                    }
                    self.note_shown(uid, &target, revision_of(&shown), Arc::new(shown.status));
                    return Err(ApiError::Conflict(reason));
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use k8s_api::core::v1::PodCondition;
    use kubelet_types::testing::MemoryApi;

    use super::*;

    fn status(ready: &str) -> PodStatus {
        let condition = PodCondition {
            type_: "Ready".to_owned(),
            status: ready.to_owned(),
            ..Default::default()
        };
        PodStatus {
            phase: "Running".to_owned(),
            conditions: vec![condition],
            ..Default::default()
        }
    }

    /// The pod as the cache shows it at a revision.
    fn shown(revision: &str, ready: &str) -> Pod {
        let mut pod = Pod {
            status: status(ready),
            ..Default::default()
        };
        pod.metadata.name = "p".to_owned();
        pod.metadata.namespace = "ns".to_owned();
        pod.metadata.uid = "u1".to_owned();
        pod.metadata.resource_version = revision.to_owned();
        pod
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_has_written_over_is_written_anew() {
        let api = Arc::new(MemoryApi::default());
        let writer = Arc::new(StatusWriter::new(api.clone()));
        let cancel = CancellationToken::new();
        let task = tokio::spawn({
            let (writer, cancel) = (writer.clone(), cancel.clone());
            async move { writer.run(cancel).await }
        });
        // Each step: what the cache shows, and how many writes there were then. The object is at revision 5 once written.
        for (revision, shows, server, writes) in [
            ("1", "False", "5", 1),
            ("5", "True", "5", 1),
            ("3", "False", "5", 1),
            ("6", "True", "6", 1),
            ("7", "False", "7", 2),
            ("7", "True", "7", 2),
        ] {
            let pod = shown(revision, shows);
            api.set_pod(shown(server, shows));
            writer.set(&pod, status("True"), Some(StatusTarget::of(&pod)));
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(api.patches().len(), writes, "at {revision}, {shows}");
        }
        cancel.cancel();
        task.await.expect("it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_is_told_of_when_it_takes_time() {
        let starting = |reason: &str| {
            let waiting = k8s_api::core::v1::ContainerStateWaiting {
                reason: reason.to_owned(),
                ..Default::default()
            };
            let container = ContainerStatus {
                state: ContainerState {
                    waiting: Some(Box::new(waiting)),
                    ..Default::default()
                },
                ..Default::default()
            };
            PodStatus {
                phase: "Pending".to_owned(),
                container_statuses: vec![container],
                ..Default::default()
            }
        };
        // What is set, and after how many milliseconds; the phases that were written, and after how many.
        for (case, set, written) in [
            (
                "it starts at once",
                vec![(0, starting("ContainerCreating")), (150, status("True"))],
                vec![(150, "Running")],
            ),
            (
                "it takes its time",
                vec![
                    (0, starting("PodInitializing")),
                    (200, starting("ContainerCreating")),
                    (400, status("True")),
                ],
                vec![(300, "Pending"), (400, "Running")],
            ),
            (
                "it fails",
                vec![(0, starting("ContainerCreating")), (50, starting("ErrImagePull"))],
                vec![(50, "Pending")],
            ),
        ] {
            let api = Arc::new(MemoryApi::default());
            let pod = shown("1", "False");
            api.set_pod(pod.clone());
            let writer = StatusWriter::new(api.clone());
            let (cancel, begun) = (CancellationToken::new(), Instant::now());
            let mut seen = Vec::new();
            let steps = async {
                for (millis, status) in set {
                    tokio::time::sleep_until(begun + Duration::from_millis(millis)).await;
                    writer.set(&pod, status, Some(StatusTarget::of(&pod)));
                }
            };
            let look = async {
                while begun.elapsed() < Duration::from_secs(10) {
                    let patches = api.patches();
                    if patches.len() > seen.len() {
                        seen.push((begun.elapsed().as_millis(), patches[seen.len()].phase.clone()));
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                cancel.cancel();
            };
            tokio::join!(writer.run(cancel.clone()), steps, look);
            let near = |(expected, phase): &(u128, &str), (found, shown): &(u128, String)| {
                found.abs_diff(*expected) <= 2 && phase == shown
            };
            let right = seen.len() == written.len() && written.iter().zip(&seen).all(|(one, other)| near(one, other));
            assert!(right, "{case}: {seen:?}");
        }
    }

    /// Answers writes one after the other, and shows one pod.
    struct Scripted {
        answers: Mutex<VecDeque<Result<Pod, ApiError>>>,
        holds: Option<Pod>,
        /// By which status each write went.
        old: Mutex<Vec<PodStatus>>,
    }

    #[async_trait::async_trait]
    impl PodClient for Scripted {
        async fn get(&self, _namespace: &str, name: &str) -> Result<Pod, ApiError> {
            self.holds.clone().ok_or_else(|| ApiError::not_found("pods", name))
        }

        async fn patch_status(
            &self,
            _namespace: &str,
            _name: &str,
            _uid: &str,
            old: &PodStatus,
            _new: &PodStatus,
        ) -> Result<Pod, ApiError> {
            self.old.lock().push(old.clone());
            let answer = self.answers.lock().pop_front();
            answer.expect("no more writes than answers")
        }

        async fn create(&self, _pod: &Pod) -> Result<Pod, ApiError> {
            unreachable!("only statuses are written")
        }

        async fn delete(&self, _namespace: &str, _name: &str, _uid: &str) -> Result<(), ApiError> {
            unreachable!("only statuses are written")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_did_not_take_is_made_again() {
        let conflict = || Err(ApiError::Conflict("the object has been modified".to_owned()));
        let other = Pod {
            metadata: k8s_api::meta::v1::ObjectMeta {
                uid: "u2".to_owned(),
                ..shown("9", "False").metadata
            },
            ..shown("9", "False")
        };
        let all = |ready: &[&str]| -> Vec<PodStatus> { ready.iter().map(|it| status(it)).collect() };
        for (case, answers, holds, old) in [
            ("it takes", vec![Ok(shown("5", "True"))], None, all(&["False"])),
            (
                "what another wrote before it stands",
                vec![Ok(shown("5", "Unknown")), Ok(shown("6", "True"))],
                None,
                all(&["False", "Unknown"]),
            ),
            (
                "the pod changed meanwhile",
                vec![conflict(), Ok(shown("6", "True"))],
                Some(shown("5", "Unknown")),
                all(&["False", "Unknown"]),
            ),
            ("another has its name", vec![conflict()], Some(other), all(&["False"])),
            ("it is gone after a conflict", vec![conflict()], None, all(&["False"])),
            (
                "it is gone",
                vec![Err(ApiError::not_found("pods", "p"))],
                None,
                all(&["False"]),
            ),
        ] {
            let api = Arc::new(Scripted {
                answers: Mutex::new(answers.into()),
                holds,
                old: Mutex::default(),
            });
            let writer = Arc::new(StatusWriter::new(api.clone()));
            let cancel = CancellationToken::new();
            let pod = shown("1", "False");
            writer.set(&pod, status("True"), Some(StatusTarget::of(&pod)));
            let pause = async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                cancel.cancel();
            };
            tokio::join!(writer.run(cancel.clone()), pause);
            assert_eq!(*api.old.lock(), old, "{case}");
            assert!(api.answers.lock().is_empty(), "{case}");
        }
    }
}
