//! Revisions: the template that pods are made from, and the one they are to have.

use std::sync::Arc;

use controller::workload::SyncError;
use controller::workload::history::{self, new_revision, next_number, same_data, template_data, template_of};
use k8s_api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_api::core::v1::{Pod, PodTemplateSpec};

use super::{StatefulSetController, identity};

/// A revision and the template that it holds.
pub(super) struct Revision {
    pub(super) name: String,
    pub(super) template: PodTemplateSpec,
}

impl Revision {
    fn of(revision: &ControllerRevision) -> Result<Self, SyncError> {
        let name = revision.metadata.name.clone();
        let template =
            template_of(revision).ok_or_else(|| SyncError::Other(format!("revision {name} holds no pod template")))?;
        Ok(Self { name, template })
    }
}

/// What a set's pods have and are to have.
pub(super) struct Revisions {
    pub(super) current: Revision,
    pub(super) update: Revision,
    pub(super) collisions: i32,
}

impl StatefulSetController {
    /// Finds or makes the revision of the set's present template. `known` are in order.
    pub(super) async fn revisions(
        &self,
        set: &StatefulSet,
        known: &[Arc<ControllerRevision>],
    ) -> Result<Revisions, SyncError> {
        let mut collisions = set.status.collision_count.unwrap_or(0);
        let template = &set.spec.template;
        let mut wanted = new_revision(
            set,
            &template.metadata.labels,
            &template_data(template),
            next_number(known),
            collisions,
        );
        wanted.metadata.annotations.clone_from(&set.metadata.annotations);
        let same = known.iter().rev().find(|revision| same_data(revision, &wanted));
        let update = match (same, known.last()) {
            (Some(same), Some(last)) if Arc::ptr_eq(same, last) || same_data(last, same) => {
                ControllerRevision::clone(last)
            }
            // The template of a former revision is wanted again: that revision becomes the newest.
            (Some(same), _) => self.history.renumber(same, wanted.revision).await?,
            (None, _) => self.history.create(set, &wanted, &mut collisions).await?,
        };
        let current = known
            .iter()
            .find(|revision| revision.metadata.name == set.status.current_revision);
        Ok(Revisions {
            current: Revision::of(current.map_or(&update, |revision| revision))?,
            update: Revision::of(&update)?,
            collisions,
        })
    }

    /// Deletes what nobody needs any more.
    pub(super) async fn truncate_history(
        &self,
        set: &StatefulSet,
        pods: &[Arc<Pod>],
        known: &[Arc<ControllerRevision>],
        revisions: &Revisions,
    ) -> Result<(), SyncError> {
        let Ok(limit) = usize::try_from(set.spec.revision_history_limit.unwrap_or(10)) else {
            return Ok(());
        };
        let in_use = |revision: &ControllerRevision| {
            let name = revision.metadata.name.as_str();
            name == revisions.current.name
                || name == revisions.update.name
                || pods.iter().any(|pod| identity::revision(pod) == name)
        };
        self.history.truncate(known, in_use, limit).await?;
        Ok(())
    }
}

/// Sorts revisions, older ones first.
pub(super) fn sorted(mut revisions: Vec<Arc<ControllerRevision>>) -> Vec<Arc<ControllerRevision>> {
    revisions.sort_by(|a, b| history::order(a, b));
    revisions
}
