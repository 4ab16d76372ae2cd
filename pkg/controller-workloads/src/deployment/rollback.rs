//! Going back to a former template, as an annotation asks for (`extensions/v1beta1` had a field for it).

use client_go::events::EventType;
use client_go::workqueue::Outcome;
use controller::workload::SyncError;
use k8s_api::apps::v1::ReplicaSet;

use super::replica_sets::{TEMPLATE_HASH, same_template};
use super::{Rollout, annotations};

const NOT_FOUND: &str = "DeploymentRollbackRevisionNotFound";
const UNCHANGED: &str = "DeploymentRollbackTemplateUnchanged";
const DONE: &str = "DeploymentRollback";

impl Rollout<'_> {
    pub(super) async fn rollback(mut self) -> Result<Outcome, SyncError> {
        self.sync_revision(true).await?;
        let mut revision = annotations::rollback_to(&self.deployment).unwrap_or(0);
        if revision == 0 {
            let Some(last) = self.last_revision() else {
                return self.give_up("Unable to find last revision.").await;
            };
            revision = last;
        }
        let found = self
            .sets
            .iter()
            .find(|set| annotations::revision(&set.metadata) == Some(revision))
            .cloned();
        match found {
            Some(set) => self.go_back_to(&set, revision).await,
            None => self.give_up("Unable to find the revision to rollback to.").await,
        }
    }

    /// The revision before the present one.
    fn last_revision(&self) -> Option<i64> {
        let mut revisions: Vec<i64> = self
            .sets
            .iter()
            .filter_map(|set| annotations::revision(&set.metadata))
            .collect();
        revisions.sort_unstable();
        revisions.iter().rev().nth(1).copied().filter(|revision| *revision != 0)
    }

    fn warn(&self, reason: &str, note: &str) {
        self.controller
            .recorder
            .event(&self.deployment, EventType::Warning, reason, note);
    }

    async fn give_up(self, note: &str) -> Result<Outcome, SyncError> {
        self.warn(NOT_FOUND, note);
        self.write_without_request().await
    }

    async fn go_back_to(mut self, set: &ReplicaSet, revision: i64) -> Result<Outcome, SyncError> {
        let name = self.deployment.metadata.name.clone();
        if same_template(&self.deployment.spec.template, &set.spec.template) {
            let note = format!("The rollback revision contains the same template as current deployment {name:?}");
            self.warn(UNCHANGED, &note);
            return self.write_without_request().await;
        }
        let mut template = set.spec.template.clone();
        template.metadata.labels.remove(TEMPLATE_HASH);
        self.deployment.spec.template = template;
        annotations::take_from(&mut self.deployment, set);
        let (recorder, regarding) = (self.controller.recorder.clone(), self.deployment.clone());
        let outcome = self.write_without_request().await?;
        let note = format!("Rolled back deployment {name:?} to revision {revision}");
        recorder.event(&regarding, EventType::Normal, DONE, note);
        Ok(outcome)
    }

    async fn write_without_request(mut self) -> Result<Outcome, SyncError> {
        annotations::clear_rollback_to(&mut self.deployment);
        let api = self
            .controller
            .client
            .namespaced::<k8s_api::apps::v1::Deployment>(self.deployment.metadata.namespace.clone());
        api.update(&self.deployment).await?;
        Ok(Outcome::Done)
    }
}
