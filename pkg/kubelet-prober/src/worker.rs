//! The worker of one probe of one container.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_api::core::v1::{Container, ContainerStatus, Pod, PodStatus, Probe};
use kubelet_types::container::{is_sidecar, restarts_after};
use kubelet_types::pod::is_terminal_phase;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use crate::metrics::Subject;
use crate::results::{ProbeKind, Verdict};
use crate::{Shared, earlier};

/// The least time between two probes, and between two looks at a container that cannot be probed yet.
const WAITING: Duration = Duration::from_secs(1);

impl Drop for Worker {
    /// However a worker ends, its figures go with it.
    fn drop(&mut self) {
        if let Some(metrics) = self.shared.metrics.get() {
            metrics.forget(self.subject());
        }
    }
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    container: Container,
    spec: Probe,
    kind: ProbeKind,
    container_id: String,
    last: Option<bool>,
    run: i32,
    /// When the container was probed last.
    probed: Option<Instant>,
    /// Set while the container is about to be restarted: probing it further would say nothing.
    on_hold: bool,
}

/// When a worker looks again.
enum Next {
    /// After a period.
    Period,
    /// At this moment, because the initial delay is over then.
    At(Instant),
    /// Never.
    Done,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, pod: Arc<Pod>, container: Container, kind: ProbeKind) -> Self {
        let spec = kind.spec(&container).cloned().unwrap_or_default();
        Self {
            shared,
            pod,
            container,
            spec,
            kind,
            container_id: String::new(),
            last: None,
            run: 0,
            probed: None,
            on_hold: false,
        }
    }

    /// Probes until the container is done with.
    pub(crate) async fn run(mut self, trigger: Arc<Notify>) {
        let period = Duration::from_secs(u64::try_from(self.spec.period_seconds).unwrap_or_default()).max(WAITING);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        if self.ran_before() {
            // A kubelet that has started again does not probe everything at the same moment.
            sleep(period.mul_f64(rand::random())).await;
        }
        loop {
            match self.look().await {
                Next::Done => break,
                Next::At(moment) => {
                    tokio::select! {
                        _ = ticks.tick() => {}
                        () = sleep_until(moment) => {}
                    }
                }
                Next::Period => {
                    tokio::select! {
                        _ = ticks.tick() => {}
                        () = trigger.notified() => {
                            // A container that starts changes its state several times in a moment.
                            if let Some(probed) = self.probed {
                                sleep_until(probed + WAITING).await;
                            }
                            ticks.reset();
                        }
                    }
                }
            }
        }
        if !self.container_id.is_empty() {
            self.shared.results.remove(self.kind, &self.container_id);
        }
    }

    fn set(&self, verdict: Verdict) {
        self.shared
            .results
            .set(self.kind, &self.container_id, &self.pod.metadata.uid, verdict);
    }

    async fn look(&mut self) -> Next {
        let Some(status) = self.shared.statuses.pod_status(&self.pod.metadata.uid) else {
            return Next::Period;
        };
        if is_terminal_phase(&status.phase) {
            return Next::Done;
        }
        let Some(container) = find(&status, &self.container.name) else {
            return Next::Period;
        };
        if container.container_id != self.container_id {
            if !self.container_id.is_empty() {
                self.shared.results.remove(self.kind, &self.container_id);
            }
            self.container_id = container.container_id.clone();
            self.set(self.before_first());
            self.on_hold = false;
            (self.last, self.run, self.probed) = (None, 0, None);
        }
        if self.on_hold {
            return Next::Period;
        }
        let Some(running) = &container.state.running else {
            return self.not_running(container);
        };
        if self.pod.metadata.deletion_timestamp.is_some() && self.kind != ProbeKind::Readiness {
            self.set(Verdict::Success);
            return Next::Done;
        }
        if let Some(moment) = running
            .started_at
            .and_then(|started| self.initial_delay_end(started.into()))
        {
            return Next::At(moment);
        }
        // Until the container has started only the startup probe runs, and afterwards only the others.
        if (container.started == Some(true)) == (self.kind == ProbeKind::Startup) {
            return Next::Period;
        }
        let begun = Instant::now();
        self.probed = Some(begun);
        let found = self
            .shared
            .prober
            .probe(
                self.kind,
                &self.spec,
                &self.pod,
                &status,
                &self.container,
                &self.container_id,
            )
            .await;
        if let Some(metrics) = self.shared.metrics.get() {
            let verdict = match found {
                Some(true) => Verdict::Success,
                Some(false) => Verdict::Failure,
                None => Verdict::Unknown,
            };
            metrics.observe(self.subject(), verdict, begun.elapsed());
        }
        if let Some(found) = found {
            self.count(found);
        }
        Next::Period
    }

    /// Whether the container ran already when this kubelet heard of it.
    fn ran_before(&self) -> bool {
        let status = &self.pod.status;
        let mut all = status.container_statuses.iter().chain(&status.init_container_statuses);
        all.any(|it| it.name == self.container.name && it.state.running.is_some())
    }

    /// What holds of a new container before its first probe.
    fn before_first(&self) -> Verdict {
        let found = earlier(&self.pod, &self.container_id).is_some_and(|it| match self.kind {
            ProbeKind::Liveness => false,
            ProbeKind::Readiness => it.ready,
            ProbeKind::Startup => it.started == Some(true),
        });
        if found { Verdict::Success } else { self.kind.initial() }
    }

    fn subject(&self) -> Subject<'_> {
        let meta = &self.pod.metadata;
        Subject {
            kind: self.kind,
            container: &self.container.name,
            pod: &meta.name,
            namespace: &meta.namespace,
            uid: &meta.uid,
        }
    }

    fn not_running(&self, container: &ContainerStatus) -> Next {
        self.set(Verdict::Failure);
        let Some(ended) = &container.state.terminated else {
            return Next::Period;
        };
        let sidecar =
            is_sidecar(&self.container) && self.pod.spec.init_containers.iter().any(|it| it.name == container.name);
        if sidecar || restarts_after(&self.container, &self.pod.spec, ended.exit_code) {
            Next::Period
        } else {
            Next::Done
        }
    }

    /// The end of the initial delay, if it is not over.
    fn initial_delay_end(&self, started: SystemTime) -> Option<Instant> {
        let delay = Duration::from_secs(u64::try_from(self.spec.initial_delay_seconds).unwrap_or_default());
        if delay.is_zero() {
            return None;
        }
        let left = delay.checked_sub(self.shared.clock.now().duration_since(started).unwrap_or_default())?;
        if left.is_zero() {
            None
        } else {
            Some(Instant::now() + left)
        }
    }

    /// Counts a finding, and makes it the verdict once there were enough of the same in a row.
    fn count(&mut self, found: bool) {
        if self.last == Some(found) {
            self.run += 1;
        } else {
            (self.last, self.run) = (Some(found), 1);
        }
        let threshold = if found {
            self.spec.success_threshold
        } else {
            self.spec.failure_threshold
        };
        if self.run < threshold {
            return;
        }
        self.set(if found { Verdict::Success } else { Verdict::Failure });
        if self.kind == ProbeKind::Startup || (self.kind == ProbeKind::Liveness && !found) {
            self.on_hold = true;
            self.run = 0;
        }
    }
}

fn find<'a>(status: &'a PodStatus, name: &str) -> Option<&'a ContainerStatus> {
    let mut all = status.container_statuses.iter().chain(&status.init_container_statuses);
    all.find(|container| container.name == name && !container.container_id.is_empty())
}
