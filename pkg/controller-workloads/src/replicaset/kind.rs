//! [`Replicated`]: what replica sets and replication controllers have in common.

use controller::KubeControllerManagerConfiguration;
use controller::workload::PodOwner;
use k8s_api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};

/// So many pods of one template.
pub(super) trait Replicated: PodOwner {
    /// The service account.
    const ACCOUNT: &'static str;
    /// Who tells events.
    const COMPONENT: &'static str;
    /// The queue's name.
    const QUEUE: &'static str;
    /// Whether the status has a number of pods that are about to end.
    const COUNTS_TERMINATING: bool;

    /// How many sets are synced at a time.
    fn workers(config: &KubeControllerManagerConfiguration) -> i32;
    /// How many pods are wanted.
    fn replicas(&self) -> i32;
    /// What pods are made from.
    fn template(&self) -> &PodTemplateSpec;
    /// The status, in the form of replica sets.
    fn status(&self) -> ReplicaSetStatus;
    /// Puts a status in place.
    fn set_status(&mut self, status: ReplicaSetStatus);
}

impl Replicated for ReplicaSet {
    const ACCOUNT: &'static str = "replicaset-controller";
    const COMPONENT: &'static str = "replicaset-controller";
    const QUEUE: &'static str = "replicaset";
    const COUNTS_TERMINATING: bool = true;

    fn workers(config: &KubeControllerManagerConfiguration) -> i32 {
        config.replica_set_controller.concurrent_syncs
    }

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn template(&self) -> &PodTemplateSpec {
        &self.spec.template
    }

    fn status(&self) -> ReplicaSetStatus {
        self.status.clone()
    }

    fn set_status(&mut self, status: ReplicaSetStatus) {
        self.status = status;
    }
}

static NO_TEMPLATE: std::sync::LazyLock<PodTemplateSpec> = std::sync::LazyLock::new(PodTemplateSpec::default);

impl Replicated for ReplicationController {
    const ACCOUNT: &'static str = "replication-controller";
    const COMPONENT: &'static str = "replication-controller";
    const QUEUE: &'static str = "replicationmanager";
    const COUNTS_TERMINATING: bool = false;

    fn workers(config: &KubeControllerManagerConfiguration) -> i32 {
        config.replication_controller.concurrent_syncs
    }

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn template(&self) -> &PodTemplateSpec {
        // Validation sees to it that there is one.
        self.spec.template.as_deref().unwrap_or(&NO_TEMPLATE)
    }

    fn status(&self) -> ReplicaSetStatus {
        let status = &self.status;
        ReplicaSetStatus {
            available_replicas: status.available_replicas,
            conditions: status.conditions.iter().map(condition_in).collect(),
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
            terminating_replicas: None,
        }
    }

    fn set_status(&mut self, status: ReplicaSetStatus) {
        self.status = ReplicationControllerStatus {
            available_replicas: status.available_replicas,
            conditions: status.conditions.into_iter().map(condition_out).collect(),
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
        };
    }
}

fn condition_in(condition: &ReplicationControllerCondition) -> ReplicaSetCondition {
    let condition = condition.clone();
    ReplicaSetCondition {
        last_transition_time: condition.last_transition_time,
        message: condition.message,
        reason: condition.reason,
        status: condition.status,
        type_: condition.type_,
    }
}

fn condition_out(condition: ReplicaSetCondition) -> ReplicationControllerCondition {
    ReplicationControllerCondition {
        last_transition_time: condition.last_transition_time,
        message: condition.message,
        reason: condition.reason,
        status: condition.status,
        type_: condition.type_,
    }
}
