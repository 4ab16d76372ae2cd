//! The rules of priority levels.

use apimachinery::field::ErrorList;
use apis_cluster::flowcontrol::priority_level as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct PriorityLevelConfigurationStrategy;

impl Strategy for PriorityLevelConfigurationStrategy {
    type Object = PriorityLevelConfiguration;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut PriorityLevelConfiguration) {
        object.status = Default::default();
        object.metadata.generation = 1;
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &PriorityLevelConfiguration) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut PriorityLevelConfiguration,
        old: &PriorityLevelConfiguration,
    ) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
        new.status = old.status.clone();
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PriorityLevelConfiguration,
        _old: &PriorityLevelConfiguration,
    ) -> ErrorList {
        rules::validate_update(new)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of `status`.
#[derive(Clone, Copy, Debug)]
pub struct PriorityLevelConfigurationStatusStrategy;

impl Strategy for PriorityLevelConfigurationStatusStrategy {
    type Object = PriorityLevelConfiguration;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &PriorityLevelConfiguration) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut PriorityLevelConfiguration,
        old: &PriorityLevelConfiguration,
    ) {
        let managed = std::mem::take(&mut new.metadata.managed_fields);
        new.metadata = old.metadata.clone();
        new.metadata.managed_fields = managed;
        new.spec = old.spec.clone();
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PriorityLevelConfiguration,
        _old: &PriorityLevelConfiguration,
    ) -> ErrorList {
        rules::validate_status_update(new)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["metadata"], &["spec"]]
    }
}
