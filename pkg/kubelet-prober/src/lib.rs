//! Probes of containers.
//!
//! - [`Probes`]: one worker for each probe of each container of the pods it was told of;
//! - [`Results`]: the latest verdicts, and a stream of their changes, which restart and readiness follow;
//! - [`http_get`]: the HTTP client of probes and lifecycle hooks.
//!
//! A worker looks at the status that was last published for its pod, so that it never probes a container that the API does
//! not know as running. Upstream counterpart: `pkg/kubelet/prober` and `pkg/probe`.

mod grpc;
mod http;
mod metrics;
mod prober;
mod results;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use component_base::metrics::MetricsRegistry;
use k8s_api::core::v1::{Container, ContainerStatus, Pod, PodStatus};
use kubelet_types::clock::SharedClock;
use kubelet_types::container::is_sidecar;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use crate::http::{HttpError, HttpResponse, http_get, resolve_port};
pub use crate::metrics::ProbeMetrics;
pub use crate::prober::{Outcome, Prober};
pub use crate::results::{ProbeKind, ResultChange, Results, Verdict};

/// Where workers read the status of a pod as it was last published.
pub trait StatusSource: Send + Sync {
    /// The status of the pod with this uid.
    fn pod_status(&self, uid: &str) -> Option<Arc<PodStatus>>;
}

type Key = (String, String, ProbeKind);

struct Handle {
    cancel: CancellationToken,
    trigger: Arc<Notify>,
}

pub(crate) struct Shared {
    pub(crate) prober: Prober,
    pub(crate) results: Arc<Results>,
    pub(crate) statuses: Arc<dyn StatusSource>,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: OnceLock<ProbeMetrics>,
    workers: Mutex<HashMap<Key, Handle>>,
}

/// The probe workers of a node.
#[derive(Clone)]
pub struct Probes {
    shared: Arc<Shared>,
}

impl Probes {
    /// No workers yet.
    #[must_use]
    pub fn new(prober: Prober, results: Arc<Results>, statuses: Arc<dyn StatusSource>, clock: SharedClock) -> Self {
        let shared = Shared {
            prober,
            results,
            statuses,
            clock,
            metrics: OnceLock::new(),
            workers: Mutex::new(HashMap::new()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Counts probes from now on.
    pub fn register_metrics(&self, registry: &MetricsRegistry) {
        self.shared.metrics.get_or_init(|| ProbeMetrics::new(registry));
    }

    /// The verdicts.
    #[must_use]
    pub fn results(&self) -> &Arc<Results> {
        &self.shared.results
    }

    /// Starts the workers of a pod that are not there yet. Init containers are probed only if they are sidecars.
    pub fn add_pod(&self, pod: &Arc<Pod>) {
        let sidecars = pod
            .spec
            .init_containers
            .iter()
            .filter(|container| is_sidecar(container));
        for container in pod.spec.containers.iter().chain(sidecars) {
            for kind in ProbeKind::ALL {
                if kind.spec(container).is_some() {
                    self.start(pod, container, kind);
                }
            }
        }
    }

    fn start(&self, pod: &Arc<Pod>, container: &Container, kind: ProbeKind) {
        let key = (pod.metadata.uid.clone(), container.name.clone(), kind);
        let mut workers = self.shared.workers.lock();
        if workers.contains_key(&key) {
            return;
        }
        let handle = Handle {
            cancel: CancellationToken::new(),
            trigger: Arc::new(Notify::new()),
        };
        let worker = worker::Worker::new(self.shared.clone(), pod.clone(), container.clone(), kind);
        let (cancel, trigger) = (handle.cancel.clone(), handle.trigger.clone());
        workers.insert(key.clone(), handle);
        drop(workers);
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            let stopped = cancel.run_until_cancelled(worker.run(trigger)).await.is_none();
            // A worker that was stopped has been taken out already, and another may be in its place.
            if !stopped && let Some(shared) = shared.upgrade() {
                shared.workers.lock().remove(&key);
            }
        });
    }

    /// Stops the liveness and startup workers of a pod that is being terminated; readiness goes on.
    pub fn stop_liveness_and_startup(&self, pod: &Pod) {
        self.stop(&pod.metadata.uid, |kind| kind != ProbeKind::Readiness);
    }

    /// Stops all workers of a pod.
    pub fn remove_pod(&self, uid: &str) {
        self.stop(uid, |_| true);
    }

    /// Stops the workers of all pods for which `keep` does not hold.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.shared.workers.lock().retain(|(uid, ..), handle| {
            let kept = keep(uid);
            if !kept {
                handle.cancel.cancel();
            }
            kept
        });
    }

    fn stop(&self, uid: &str, which: impl Fn(ProbeKind) -> bool) {
        self.shared.workers.lock().retain(|(own, _, kind), handle| {
            let doomed = own == uid && which(*kind);
            if doomed {
                handle.cancel.cancel();
            }
            !doomed
        });
    }

    /// The number of workers.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.shared.workers.lock().len()
    }

    /// Fills in `started` and `ready` of a status that is about to be published.
    pub fn update_status(&self, pod: &Pod, status: &mut PodStatus) {
        for container in &mut status.container_statuses {
            let started = self.is_started(pod, container);
            container.started = Some(started);
            if started {
                container.ready = self.is_ready(pod, container);
            }
        }
        for container in &mut status.init_container_statuses {
            let started = self.is_started(pod, container);
            container.started = Some(started);
            let spec = pod.spec.init_containers.iter().find(|spec| spec.name == container.name);
            if spec.is_some_and(is_sidecar) {
                if started {
                    container.ready = self.is_ready(pod, container);
                }
            } else if container
                .state
                .terminated
                .as_ref()
                .is_some_and(|ended| ended.exit_code == 0)
            {
                container.ready = true;
            }
        }
    }

    fn is_started(&self, pod: &Pod, container: &ContainerStatus) -> bool {
        if container.state.running.is_none() {
            return false;
        }
        if let Some(verdict) = self.shared.results.get(ProbeKind::Startup, &container.container_id) {
            return verdict == Verdict::Success;
        }
        // Without a startup probe a container has started as soon as it runs.
        !has_probe(pod, &container.name, ProbeKind::Startup)
            || earlier(pod, &container.container_id).is_some_and(|it| it.started == Some(true))
    }

    fn is_ready(&self, pod: &Pod, container: &ContainerStatus) -> bool {
        if container.state.running.is_none() {
            return false;
        }
        let verdict = self.shared.results.get(ProbeKind::Readiness, &container.container_id);
        if verdict == Some(Verdict::Success) || !has_probe(pod, &container.name, ProbeKind::Readiness) {
            return true;
        }
        if verdict.is_none() && earlier(pod, &container.container_id).is_some_and(|it| it.ready) {
            return true;
        }
        let key = (pod.metadata.uid.clone(), container.name.clone(), ProbeKind::Readiness);
        if let Some(handle) = self.shared.workers.lock().get(&key) {
            // The container may have become ready just now: there is no need to wait a whole period.
            // A probe that runs already is answer enough: nothing is kept for after it.
            handle.trigger.notify_waiters();
        }
        false
    }
}

/// Whether the container of this name has a probe of that kind.
fn has_probe(pod: &Pod, container: &str, kind: ProbeKind) -> bool {
    let mut all = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    all.any(|it| it.name == container && kind.spec(it).is_some())
}

/// What the API says of this very container: after a restart of the kubelet that holds until its probes say otherwise.
fn earlier<'a>(pod: &'a Pod, container_id: &str) -> Option<&'a ContainerStatus> {
    let (regular, init) = (&pod.status.container_statuses, &pod.status.init_container_statuses);
    let mut all = regular.iter().chain(init);
    all.find(|it| !container_id.is_empty() && it.container_id == container_id)
}

#[cfg(test)]
mod tests;
