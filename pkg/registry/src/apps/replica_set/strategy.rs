//! The rules of replica sets.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::apps::replica_set;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apps::v1::{ReplicaSet, ReplicaSetStatus};

/// The rules of replica sets.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaSetStrategy;

impl Strategy for ReplicaSetStrategy {
    type Object = ReplicaSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, replica_set: &mut ReplicaSet) {
        replica_set.status = ReplicaSetStatus::default();
        replica_set.metadata.generation = 1;
        drop_disabled_template_fields(&mut replica_set.spec.template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, replica_set: &ReplicaSet) -> ErrorList {
        replica_set::validate(replica_set, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, replica_set: &ReplicaSet) -> Vec<String> {
        replica_set::warnings_on_create(replica_set)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ReplicaSet, old: &ReplicaSet) {
        new.status.clone_from(&old.status);
        let before = Some(&old.spec.template);
        drop_disabled_template_fields(&mut new.spec.template, before, context.gates);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
        replica_set::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &ReplicaSet, old: &ReplicaSet) -> Vec<String> {
        replica_set::warnings_on_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a replica set's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = ReplicaSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, replica_set: &ReplicaSet) -> ErrorList {
        ReplicaSetStrategy.validate(context, replica_set)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ReplicaSet, old: &ReplicaSet) {
        new.spec.clone_from(&old.spec);
        replica_set::drop_disabled_status_fields(&mut new.status, &old.status, context.gates);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
        replica_set::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
