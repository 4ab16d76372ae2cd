//! The claims of a pod: made before it, and owned as the policy says.

use client_go::events::EventType;
use controller::workload::SyncError;
use k8s_api::apps::v1::StatefulSet;
use k8s_api::core::v1::{PersistentVolumeClaim, Pod};

use super::{StatefulSetController, identity, ownership};

impl StatefulSetController {
    fn cached_claims<'a>(
        &'a self,
        set: &'a StatefulSet,
        pod: &Pod,
    ) -> impl Iterator<Item = std::sync::Arc<PersistentVolumeClaim>> + 'a {
        let ordinal = identity::ordinal(pod);
        set.spec.volume_claim_templates.iter().filter_map(move |template| {
            let name = identity::claim_name(set, template, ordinal?);
            self.claims.get(&set.metadata.namespace, &name)
        })
    }

    /// Makes the claims that are not there.
    pub(super) async fn create_claims(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        let Some(ordinal) = identity::ordinal(pod) else {
            return Ok(());
        };
        let mut errors = Vec::new();
        for claim in identity::claims(set, ordinal) {
            let name = claim.metadata.name.clone();
            match self.claims.get(&set.metadata.namespace, &name) {
                Some(present) if present.metadata.deletion_timestamp.is_some() => {
                    errors.push(SyncError::Other(format!("pvc {name} is being deleted")));
                }
                Some(_) => {}
                None => errors.extend(self.create_claim(set, pod, &claim).await.err()),
            }
        }
        SyncError::collect(errors)
    }

    async fn create_claim(&self, set: &StatefulSet, pod: &Pod, claim: &PersistentVolumeClaim) -> Result<(), SyncError> {
        let (name, pod, owner) = (&claim.metadata.name, &pod.metadata.name, &set.metadata.name);
        let api = self
            .client
            .namespaced::<PersistentVolumeClaim>(set.metadata.namespace.clone());
        match api.create(claim).await {
            Ok(_) => {
                let note = format!("Create Claim {name} Pod {pod} in StatefulSet {owner} success");
                self.recorder.event(set, EventType::Normal, "SuccessfulCreate", note);
                Ok(())
            }
            Err(source) => {
                if !source.is_already_exists() {
                    let note =
                        format!("Create Claim {name} for Pod {pod} in StatefulSet {owner} failed error: {source}");
                    self.recorder.event(set, EventType::Warning, "FailedCreate", note);
                }
                Err(SyncError::Context {
                    context: format!("failed to create PVC {name}"),
                    source,
                })
            }
        }
    }

    /// Whether the claims are owned as the policy says; those that are not there count as if they were.
    pub(super) fn claims_match_policy(&self, set: &StatefulSet, pod: &Pod) -> bool {
        self.cached_claims(set, pod)
            .all(|claim| ownership::is_up_to_date(&claim, set, pod))
    }

    /// Makes the owners of the claims those that the policy wants.
    pub(super) async fn update_claims(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        for claim in self.cached_claims(set, pod) {
            let name = &claim.metadata.name;
            if ownership::has_unexpected_controller(&claim, set, pod) {
                let note = format!(
                    "PersistentVolumeClaim {name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim"
                );
                self.recorder
                    .event(set, EventType::Warning, "ConflictingController", note);
            }
            if ownership::is_up_to_date(&claim, set, pod) {
                continue;
            }
            let mut changed = PersistentVolumeClaim::clone(&claim);
            ownership::update(&mut changed, set, pod);
            let api = self.client.namespaced(set.metadata.namespace.clone());
            api.update(&changed).await.map_err(|source| SyncError::Context {
                context: format!("could not update claim {name} for delete policy ownerRefs"),
                source,
            })?;
        }
        Ok(())
    }

    /// Whether a claim still belongs to a former pod of the name, with which it will go.
    pub(super) fn has_stale_claim(&self, set: &StatefulSet, pod: &Pod) -> bool {
        let keeps = set
            .spec
            .persistent_volume_claim_retention_policy
            .as_ref()
            .is_none_or(|policy| policy.when_scaled != "Delete");
        !keeps
            && self
                .cached_claims(set, pod)
                .any(|claim| ownership::has_stale_owner(&claim, pod))
    }
}
