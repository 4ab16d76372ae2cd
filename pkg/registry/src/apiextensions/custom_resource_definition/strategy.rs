//! The rules of custom resource definitions.

use apimachinery::field::ErrorList;
use apis_cluster::apiextensions::custom_resource_definition as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apiextensions::v1::{CustomResourceDefinition, CustomResourceDefinitionSpec};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct CustomResourceDefinitionStrategy;

impl Strategy for CustomResourceDefinitionStrategy {
    type Object = CustomResourceDefinition;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut CustomResourceDefinition) {
        object.status = Default::default();
        object.metadata.generation = 1;
        let stored = new_stored_version(&object.spec, &object.status.stored_versions);
        object.status.stored_versions.extend(stored);
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CustomResourceDefinition) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut CustomResourceDefinition,
        old: &CustomResourceDefinition,
    ) {
        new.status = old.status.clone();
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
        let stored = new_stored_version(&new.spec, &new.status.stored_versions);
        new.status.stored_versions.extend(stored);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CustomResourceDefinition,
        old: &CustomResourceDefinition,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of `status`; metadata may be written through it, as upstream has it.
#[derive(Clone, Copy, Debug)]
pub struct CustomResourceDefinitionStatusStrategy;

impl Strategy for CustomResourceDefinitionStatusStrategy {
    type Object = CustomResourceDefinition;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CustomResourceDefinition) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut CustomResourceDefinition,
        old: &CustomResourceDefinition,
    ) {
        new.spec = old.spec.clone();
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CustomResourceDefinition,
        old: &CustomResourceDefinition,
    ) -> ErrorList {
        rules::validate_status_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}

/// The storage version, if nothing has been stored in it yet.
fn new_stored_version(spec: &CustomResourceDefinitionSpec, stored: &[String]) -> Option<String> {
    let version = spec.versions.iter().find(|version| version.storage)?;
    (!stored.contains(&version.name)).then(|| version.name.clone())
}
