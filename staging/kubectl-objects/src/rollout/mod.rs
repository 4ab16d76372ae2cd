//! What `kubectl rollout` makes of Deployments, DaemonSets and StatefulSets: how far a rollout is, which revisions there
//! were (upstream: `polymorphichelpers`, `util/deployment`).

mod change;
mod revisions;
mod status;

use serde_json::Value;

pub use change::{Change, change};
pub use revisions::{Revision, Rollback, change_cause, of_controller_revisions, of_replica_sets, rollback};
pub use status::{Status, status};

use crate::json::{group_version, text_at};

/// A kind whose pods are rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollable {
    /// Revisions are replica sets.
    Deployment,
    /// Revisions are controller revisions.
    DaemonSet,
    /// Revisions are controller revisions.
    StatefulSet,
}

impl Rollable {
    /// What the object is, if it is one of them.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        match (group_version(object).0, text_at(object, &["kind"])) {
            ("apps", "Deployment") => Some(Self::Deployment),
            ("apps", "DaemonSet") => Some(Self::DaemonSet),
            ("apps", "StatefulSet") => Some(Self::StatefulSet),
            _ => None,
        }
    }

    /// The kind's name.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
        }
    }
}
