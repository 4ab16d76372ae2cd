//! The rules of daemon sets.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::apps::daemon_set::{self, set_template_generation, template_generation};
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apps::v1::{DaemonSet, DaemonSetStatus};

/// The rules of daemon sets.
#[derive(Clone, Copy, Debug)]
pub struct DaemonSetStrategy;

impl Strategy for DaemonSetStrategy {
    type Object = DaemonSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, daemon_set: &mut DaemonSet) {
        daemon_set.status = DaemonSetStatus::default();
        daemon_set.metadata.generation = 1;
        set_template_generation(daemon_set, template_generation(daemon_set).max(1));
        drop_disabled_template_fields(&mut daemon_set.spec.template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, daemon_set: &DaemonSet) -> ErrorList {
        daemon_set::validate(daemon_set, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, daemon_set: &DaemonSet) -> Vec<String> {
        daemon_set::warnings_on_create(daemon_set)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut DaemonSet, old: &DaemonSet) {
        let before = Some(&old.spec.template);
        drop_disabled_template_fields(&mut new.spec.template, before, context.gates);
        new.status.clone_from(&old.status);
        // Nobody but the server counts the changes of the template.
        let template_changed = new.spec.template != old.spec.template;
        set_template_generation(new, template_generation(old) + i64::from(template_changed));
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &DaemonSet, old: &DaemonSet) -> ErrorList {
        daemon_set::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &DaemonSet, old: &DaemonSet) -> Vec<String> {
        daemon_set::warnings_on_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a daemon set's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = DaemonSet;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, daemon_set: &DaemonSet) -> ErrorList {
        DaemonSetStrategy.validate(context, daemon_set)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut DaemonSet, old: &DaemonSet) {
        new.spec.clone_from(&old.spec);
        set_template_generation(new, template_generation(old));
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &DaemonSet, old: &DaemonSet) -> ErrorList {
        daemon_set::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
