//! Revisions: the templates that the set has had.

use std::sync::Arc;

use client_go::api::{DeleteOptions, Patch};
use controller::workload::SyncError;
use controller::workload::history::{self, HASH_LABEL, REVISION_LABEL, new_revision, template_data, template_of};
use k8s_api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_api::core::v1::Pod;
use serde_json::json;

use super::DaemonSetController;

/// The present template's revision, and those of former ones, older ones first.
pub(super) struct Revisions {
    /// The hash in the labels of pods of the present template.
    pub(super) hash: String,
    pub(super) old: Vec<Arc<ControllerRevision>>,
}

fn hash(revision: &ControllerRevision) -> Option<&String> {
    revision.metadata.labels.get(REVISION_LABEL)
}

impl DaemonSetController {
    /// Finds or makes the revision of the present template.
    pub(super) async fn revisions(
        &self,
        set: &DaemonSet,
        mut known: Vec<Arc<ControllerRevision>>,
        pods: &[Arc<Pod>],
    ) -> Result<Revisions, SyncError> {
        for revision in &mut known {
            if hash(revision).is_none() {
                let label = json!({"metadata": {"labels": {REVISION_LABEL: revision.metadata.name}}});
                let api = self
                    .client
                    .namespaced::<ControllerRevision>(set.metadata.namespace.clone());
                *revision = Arc::new(api.patch(&revision.metadata.name, &Patch::Merge(label)).await?);
            }
        }
        known.sort_by(|a, b| history::order(a, b));
        let is_present =
            |revision: &Arc<ControllerRevision>| template_of(revision).as_ref() == Some(&set.spec.template);
        let (mut present, old): (Vec<_>, Vec<_>) = known.into_iter().partition(is_present);
        let next = history::next_number(&old);
        let current = match present.pop() {
            None => self.create_revision(set, next).await?,
            Some(newest) => {
                self.merge_duplicates(set, &newest, &present, pods).await?;
                if newest.revision < next {
                    self.history.renumber(&newest, next).await?
                } else {
                    ControllerRevision::clone(&newest)
                }
            }
        };
        let hash = hash(&current).cloned().unwrap_or_else(|| current.metadata.name.clone());
        Ok(Revisions { hash, old })
    }

    /// Several revisions hold the same template: pods are given the label of the newest, the others are deleted.
    async fn merge_duplicates(
        &self,
        set: &DaemonSet,
        kept: &ControllerRevision,
        others: &[Arc<ControllerRevision>],
        pods: &[Arc<Pod>],
    ) -> Result<(), SyncError> {
        if others.is_empty() {
            return Ok(());
        }
        let label = hash(kept);
        let pods_api = self.client.namespaced::<Pod>(set.metadata.namespace.clone());
        for pod in pods
            .iter()
            .filter(|pod| pod.metadata.labels.get(REVISION_LABEL) != label)
        {
            let patch = Patch::Merge(json!({"metadata": {"labels": {REVISION_LABEL: label}}}));
            pods_api.patch(&pod.metadata.name, &patch).await?;
        }
        let api = self
            .client
            .namespaced::<ControllerRevision>(set.metadata.namespace.clone());
        for other in others {
            api.delete(&other.metadata.name, &DeleteOptions::default()).await?;
        }
        Ok(())
    }

    async fn create_revision(&self, set: &DaemonSet, number: i64) -> Result<ControllerRevision, SyncError> {
        let template = &set.spec.template;
        let collisions = set.status.collision_count.unwrap_or(0);
        let mut revision = new_revision(
            set,
            &template.metadata.labels,
            &template_data(template),
            number,
            collisions,
        );
        if let Some(hash) = revision.metadata.labels.remove(HASH_LABEL) {
            revision.metadata.labels.insert(REVISION_LABEL.to_owned(), hash);
        }
        revision.metadata.annotations.clone_from(&set.metadata.annotations);
        let api = self
            .client
            .namespaced::<ControllerRevision>(set.metadata.namespace.clone());
        let taken = match api.create(&revision).await {
            Err(error) if error.is_already_exists() => error,
            outcome => return Ok(outcome?),
        };
        let present = api.get(&revision.metadata.name).await?;
        if history::same_data(&present, &revision) {
            return Ok(present);
        }
        // Another template has the same hash: the next try gets another name.
        let sets = self.client.namespaced::<DaemonSet>(set.metadata.namespace.clone());
        let mut fresh = sets.get(&set.metadata.name).await?;
        if fresh.status.collision_count == set.status.collision_count {
            fresh.status.collision_count = Some(collisions + 1);
            sets.update_status(&fresh).await?;
        }
        Err(taken.into())
    }

    pub(super) async fn clean_up_history(
        &self,
        set: &DaemonSet,
        old: &[Arc<ControllerRevision>],
        pods: &[Arc<Pod>],
    ) -> Result<(), SyncError> {
        let limit = usize::try_from(set.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
        let excess = old.len().saturating_sub(limit);
        let in_use = |revision: &&Arc<ControllerRevision>| {
            pods.iter()
                .any(|pod| pod.metadata.labels.get(REVISION_LABEL) == hash(revision))
        };
        let api = self
            .client
            .namespaced::<ControllerRevision>(set.metadata.namespace.clone());
        for revision in old.iter().filter(|revision| !in_use(revision)).take(excess) {
            match api.delete(&revision.metadata.name, &DeleteOptions::default()).await {
                Err(source) if !source.is_not_found() => {
                    return Err(SyncError::Context {
                        context: "failed to clean up revisions of DaemonSet".to_owned(),
                        source,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
