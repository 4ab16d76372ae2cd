//! The rules of controller revisions.

use apimachinery::field::ErrorList;
use apis_workloads::apps::controller_revision;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apps::v1::ControllerRevision;

/// The rules of controller revisions.
#[derive(Clone, Copy, Debug)]
pub struct ControllerRevisionStrategy;

impl Strategy for ControllerRevisionStrategy {
    type Object = ControllerRevision;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, revision: &ControllerRevision) -> ErrorList {
        controller_revision::validate(revision)
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ControllerRevision,
        old: &ControllerRevision,
    ) -> ErrorList {
        controller_revision::validate_update(new, old)
    }
}
