//! The latest verdicts of probes, by container id.

use std::collections::HashMap;

use k8s_api::core::v1::{Container, Probe};
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// Whether the container is to be restarted.
    Liveness,
    /// Whether it may get traffic.
    Readiness,
    /// Whether it has started, so that the others may begin.
    Startup,
}

impl ProbeKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Readiness, Self::Liveness];

    /// The word of events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }

    /// The probe of this kind that a container has.
    #[must_use]
    pub fn spec(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Liveness => container.liveness_probe.as_deref(),
            Self::Readiness => container.readiness_probe.as_deref(),
            Self::Startup => container.startup_probe.as_deref(),
        }
    }

    /// What holds before the first verdict.
    pub(crate) const fn initial(self) -> Verdict {
        match self {
            Self::Liveness => Verdict::Success,
            Self::Readiness => Verdict::Failure,
            Self::Startup => Verdict::Unknown,
        }
    }
}

/// What a probe found, thresholds counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// As it should be.
    Success,
    /// Not so.
    Failure,
    /// Not known yet.
    Unknown,
}

/// A verdict that differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultChange {
    /// The pod's uid.
    pub uid: String,
    /// The container's id, as the API shows it.
    pub container_id: String,
    /// Which probe.
    pub kind: ProbeKind,
    /// What holds now.
    pub verdict: Verdict,
}

/// All verdicts of a node.
pub struct Results {
    verdicts: Mutex<HashMap<(ProbeKind, String), Verdict>>,
    changes: broadcast::Sender<ResultChange>,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            verdicts: Mutex::new(HashMap::new()),
            changes: broadcast::Sender::new(1024),
        }
    }
}

impl Results {
    /// The verdict about a container.
    #[must_use]
    pub fn get(&self, kind: ProbeKind, container_id: &str) -> Option<Verdict> {
        self.verdicts.lock().get(&(kind, container_id.to_owned())).copied()
    }

    /// Sets a verdict, and tells subscribers if it is a new one.
    pub fn set(&self, kind: ProbeKind, container_id: &str, uid: &str, verdict: Verdict) {
        let before = self.verdicts.lock().insert((kind, container_id.to_owned()), verdict);
        if before != Some(verdict) {
            // Nobody has to listen.
            drop(self.changes.send(ResultChange {
                uid: uid.to_owned(),
                container_id: container_id.to_owned(),
                kind,
                verdict,
            }));
        }
    }

    /// Forgets a container.
    pub fn remove(&self, kind: ProbeKind, container_id: &str) {
        self.verdicts.lock().remove(&(kind, container_id.to_owned()));
    }

    /// The changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<ResultChange> {
        self.changes.subscribe()
    }
}
