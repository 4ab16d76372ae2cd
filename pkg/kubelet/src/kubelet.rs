//! Puts the parts together: events in, workers woken, and the house kept.

use std::sync::Arc;
use std::time::Duration;

use kubelet_types::pod::format_pod;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::pleg::Pleg;
use crate::pods::{PodChange, PodEvent, PodStore, Source};
use crate::workers::{PodWorkers, WorkerParts};

/// How often the runtime and the disk are looked through for what nobody knows.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// What a kubelet is made of.
pub struct KubeletParts {
    /// What workers work with.
    pub workers: WorkerParts,
    /// The sources that have to speak before anything unknown is removed.
    pub sources: Vec<Source>,
    /// The runtime's events are followed, not only its lists.
    pub evented_pleg: bool,
}

/// The node agent, as far as pods go.
pub struct Kubelet {
    pods: Arc<PodStore>,
    workers: PodWorkers,
    pleg: Arc<Pleg>,
    parts: Parts,
}

struct Parts {
    sources: Vec<Source>,
    volumes: Arc<kubelet_volume::Volumes>,
    statuses: Arc<crate::status::StatusWriter>,
    probes: kubelet_prober::Probes,
    client: Arc<dyn kubelet_types::seams::PodClient>,
    cgroups: Arc<dyn crate::workers::PodCgroups>,
}

impl Kubelet {
    /// Puts it together; nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(parts: KubeletParts) -> Self {
        let KubeletParts {
            workers,
            sources,
            evented_pleg,
        } = parts;
        let pleg = Arc::new(Pleg::new(workers.runtime.clone(), evented_pleg));
        let kept = Parts {
            sources,
            volumes: workers.volumes.clone(),
            statuses: workers.statuses.clone(),
            probes: workers.probes.clone(),
            client: workers.client.clone(),
            cgroups: workers.cgroups.clone(),
        };
        Self {
            pods: workers.pods.clone(),
            workers: PodWorkers::new(workers, pleg.clone()),
            pleg,
            parts: kept,
        }
    }

    /// The workers.
    #[must_use]
    pub fn workers(&self) -> &PodWorkers {
        &self.workers
    }

    /// What watches the runtime.
    #[must_use]
    pub fn pleg(&self) -> &Arc<Pleg> {
        &self.pleg
    }

    /// Runs until cancelled. Pods run on afterwards: another kubelet takes them over.
    pub async fn run(&self, mut events: mpsc::Receiver<PodEvent>, cancel: CancellationToken) {
        let mut tasks = JoinSet::new();
        let (statuses, token) = (self.parts.statuses.clone(), cancel.clone());
        tasks.spawn(async move { statuses.run(token).await });
        let (pleg, workers, token) = (self.pleg.clone(), self.workers.clone(), cancel.clone());
        tasks.spawn(async move { pleg.run(|uid| workers.wake(uid), token).await });
        let mut verdicts = self.parts.probes.results().subscribe();
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                event = events.recv() => match event {
                    Some(event) => self.apply(event),
                    None => break,
                },
                change = verdicts.recv() => match change {
                    Ok(change) => self.workers.wake(&change.uid),
                    // Which pods are concerned is lost, so that all of them look.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.workers.known().iter().for_each(|uid| self.workers.wake(uid));
                    }
                    Err(broadcast::error::RecvError::Closed) => break,
                },
                _ = housekeeping.tick() => self.keep_house().await,
            }
        }
        cancel.cancel();
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the kubelet failed");
            }
        }
    }

    fn apply(&self, event: PodEvent) {
        let mut changes = self.pods.apply(event);
        // Those that came first have what they need before others are judged.
        changes.sort_by_key(|change| match change {
            PodChange::Update(pod) => Some(pod.metadata.creation_timestamp),
            PodChange::Remove(_) | PodChange::Mirror(_) => None,
        });
        for change in changes {
            match change {
                PodChange::Update(pod) => {
                    tracing::trace!(pod = format_pod(&pod), phase = pod.status.phase, "pod changed");
                    self.workers.update(&pod);
                }
                PodChange::Remove(uid) => self.workers.remove(&uid),
                PodChange::Mirror(uid) => self.workers.wake(&uid),
            }
        }
    }

    /// Ends pods that only the runtime knows, and removes directories and mirrors of pods that nobody knows.
    pub async fn keep_house(&self) {
        if !self.pods.all_sources_seen(&self.parts.sources) {
            return;
        }
        for (uid, pod) in self.pleg.pods() {
            if !self.workers.knows(&uid) {
                self.workers.end_orphan(&uid, &pod.name, &pod.namespace);
            }
        }
        let known = self.workers.known();
        if let Err(error) = self.parts.volumes.remove_orphans(&known).await {
            tracing::error!(%error, "orphaned pod directories");
        }
        let knows = |uid: &str| self.workers.knows(uid);
        if let Err(error) = self.parts.cgroups.keep(&self.workers.active(), &knows).await {
            tracing::error!(error, "Failed to update QoS cgroup configuration");
        }
        self.parts.probes.retain(|uid| known.contains(uid));
        for mirror in self.pods.orphaned_mirrors() {
            let meta = &mirror.metadata;
            if let Err(error) = self.parts.client.delete(&meta.namespace, &meta.name, &meta.uid).await
                && !error.is_not_found()
            {
                tracing::error!(%error, pod = meta.name, "failed to delete an orphaned mirror pod");
            }
        }
    }
}
