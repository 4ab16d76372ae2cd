//! The rules of stateful sets.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::apps::stateful_set;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apps::v1::{StatefulSet, StatefulSetStatus};

/// The rules of stateful sets.
#[derive(Clone, Copy, Debug)]
pub struct StatefulSetStrategy;

impl Strategy for StatefulSetStrategy {
    type Object = StatefulSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, stateful_set: &mut StatefulSet) {
        stateful_set.status = StatefulSetStatus::default();
        stateful_set.metadata.generation = 1;
        stateful_set::set_gated_defaults(stateful_set, context.gates);
        stateful_set::drop_disabled_fields(stateful_set, None, context.gates);
        drop_disabled_template_fields(&mut stateful_set.spec.template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, stateful_set: &StatefulSet) -> ErrorList {
        stateful_set::validate(stateful_set, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, stateful_set: &StatefulSet) -> Vec<String> {
        stateful_set::warnings_on_create(stateful_set)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut StatefulSet, old: &StatefulSet) {
        new.status.clone_from(&old.status);
        stateful_set::set_gated_defaults(new, context.gates);
        stateful_set::drop_disabled_fields(new, Some(old), context.gates);
        let before = Some(&old.spec.template);
        drop_disabled_template_fields(&mut new.spec.template, before, context.gates);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &StatefulSet, old: &StatefulSet) -> ErrorList {
        stateful_set::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &StatefulSet, old: &StatefulSet) -> Vec<String> {
        stateful_set::warnings_on_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a stateful set's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = StatefulSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, stateful_set: &StatefulSet) -> ErrorList {
        StatefulSetStrategy.validate(context, stateful_set)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut StatefulSet, old: &StatefulSet) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &StatefulSet, old: &StatefulSet) -> ErrorList {
        stateful_set::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
