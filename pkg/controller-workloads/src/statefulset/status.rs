//! The status: counts by state and by revision.

use std::sync::Arc;

use client_go::Error;
use controller::Clock;
use controller::workload::pods::{is_available, is_ready};
use k8s_api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_api::core::v1::Pod;

use super::revisions::Revisions;
use super::{StatefulSetController, identity};

/// How often a status is written on a newer state of the set before the reconcile fails.
const ATTEMPTS: u32 = 4;

/// The status that these pods make.
pub(super) fn of<'a>(
    set: &StatefulSet,
    revisions: &Revisions,
    pods: impl IntoIterator<Item = &'a Arc<Pod>>,
    clock: &Clock,
) -> StatefulSetStatus {
    let mut status = StatefulSetStatus {
        observed_generation: set.metadata.generation,
        current_revision: revisions.current.name.clone(),
        update_revision: revisions.update.name.clone(),
        collision_count: Some(revisions.collisions),
        conditions: set.status.conditions.clone(),
        ..StatefulSetStatus::default()
    };
    for pod in pods {
        let created = !pod.status.phase.is_empty();
        status.replicas += i32::from(created);
        let ready = pod.status.phase == "Running" && is_ready(pod);
        status.ready_replicas += i32::from(ready);
        status.available_replicas += i32::from(ready && is_available(pod, set.spec.min_ready_seconds, clock));
        if created && pod.metadata.deletion_timestamp.is_none() {
            let revision = identity::revision(pod);
            status.current_replicas += i32::from(revision == status.current_revision);
            status.updated_replicas += i32::from(revision == status.update_revision);
        }
    }
    status
}

/// When every pod has the new revision, it becomes the current one.
fn complete_update(set: &StatefulSet, status: &mut StatefulSetStatus) {
    let wanted = identity::replicas(set);
    if set.spec.update_strategy.type_ == "RollingUpdate"
        && status.updated_replicas == wanted
        && status.ready_replicas == wanted
        && status.replicas == wanted
    {
        status.current_replicas = status.updated_replicas;
        status.current_revision.clone_from(&status.update_revision);
    }
}

fn differs(before: &StatefulSetStatus, after: &StatefulSetStatus) -> bool {
    let counts = |status: &StatefulSetStatus| {
        (
            status.replicas,
            status.current_replicas,
            status.ready_replicas,
            status.updated_replicas,
            status.available_replicas,
        )
    };
    after.observed_generation > before.observed_generation
        || counts(before) != counts(after)
        || before.current_revision != after.current_revision
        || before.update_revision != after.update_revision
}

impl StatefulSetController {
    pub(super) async fn write_status(&self, set: &StatefulSet, status: &mut StatefulSetStatus) -> Result<(), Error> {
        complete_update(set, status);
        if !differs(&set.status, status) {
            return Ok(());
        }
        let api = self.client.namespaced::<StatefulSet>(set.metadata.namespace.clone());
        let mut changed = set.clone();
        changed.status = status.clone();
        for _ in 1..ATTEMPTS {
            match api.update_status(&changed).await {
                Err(error) if error.is_conflict() => {
                    changed = api.get(&set.metadata.name).await?;
                    changed.status = status.clone();
                }
                outcome => return outcome.map(drop),
            }
        }
        api.update_status(&changed).await.map(drop)
    }
}
