//! The rules of replication controllers.

use apimachinery::field::ErrorList;
use apis_core::core::replication_controller;
use apis_pod::pod::drop_disabled_template_fields;
use apiserver::registry::{GarbageCollectionPolicy, SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::{ReplicationController, ReplicationControllerStatus};

const FIELDS: &[SelectableField] = &[SelectableField::new("status.replicas", &["status", "replicas"]).default("0")];

fn garbage_collection_policy(context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
    if context.api_group.is_empty() && context.api_version == "v1" {
        GarbageCollectionPolicy::OrphanDependents
    } else {
        GarbageCollectionPolicy::DeleteDependents
    }
}

/// The rules of replication controllers.
#[derive(Clone, Copy, Debug)]
pub struct ReplicationControllerStrategy;

impl Strategy for ReplicationControllerStrategy {
    type Object = ReplicationController;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, controller: &mut ReplicationController) {
        controller.status = ReplicationControllerStatus::default();
        controller.metadata.generation = 1;
        if let Some(template) = &mut controller.spec.template {
            drop_disabled_template_fields(template, None, context.gates);
        }
    }

    fn validate(&self, context: &StrategyContext<'_>, controller: &ReplicationController) -> ErrorList {
        replication_controller::validate(controller, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, controller: &ReplicationController) -> Vec<String> {
        replication_controller::warnings(controller)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut ReplicationController,
        old: &ReplicationController,
    ) {
        new.status.clone_from(&old.status);
        if let Some(template) = &mut new.spec.template {
            drop_disabled_template_fields(template, old.spec.template.as_deref(), context.gates);
        }
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        context: &StrategyContext<'_>,
        new: &ReplicationController,
        old: &ReplicationController,
    ) -> ErrorList {
        replication_controller::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ReplicationController,
        old: &ReplicationController,
    ) -> Vec<String> {
        replication_controller::update_warnings(new, old)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a replication controller's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = ReplicationController;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, controller: &ReplicationController) -> ErrorList {
        replication_controller::validate(controller, context.gates)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut ReplicationController,
        old: &ReplicationController,
    ) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ReplicationController,
        old: &ReplicationController,
    ) -> ErrorList {
        replication_controller::validate_status_update(new, old)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
