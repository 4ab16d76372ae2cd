//! Rules of kinds with a pod template, where privileged containers are not allowed (`--allow-privileged=false`).

use std::{fmt, sync::Arc};

use apimachinery::field::{ErrorList, Path};
use apis_pod::pod::validation::validate_unprivileged;
use apiserver::registry::{AnyObject, GarbageCollectionPolicy, ResourceStrategy, SelectableField, StrategyContext};
use k8s_api::{HasMetadata, core::v1::PodTemplateSpec, meta::v1::DeleteOptions};

/// The rules of a kind, and that its template has no privileges.
pub(super) struct Unprivileged<T> {
    pub(super) rules: Arc<dyn ResourceStrategy>,
    /// Where the template's spec is.
    pub(super) path: &'static str,
    pub(super) template: fn(&T) -> Option<&PodTemplateSpec>,
}

impl<T> fmt::Debug for Unprivileged<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Unprivileged").field(&self.rules).finish()
    }
}

impl<T: HasMetadata> Unprivileged<T> {
    fn check(&self, object: &dyn AnyObject) -> ErrorList {
        let object = object
            .downcast_ref()
            .expect("a store holds objects of its strategy's kind only");
        let template = (self.template)(object);
        template.map_or_else(ErrorList::new, |template| {
            validate_unprivileged(&template.spec, &Path::new(self.path))
        })
    }
}

impl<T: HasMetadata> ResourceStrategy for Unprivileged<T> {
    fn validate(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> ErrorList {
        let mut errors = self.rules.validate(context, object);
        errors.append(self.check(object));
        errors
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &dyn AnyObject, old: &dyn AnyObject) -> ErrorList {
        let mut errors = self.rules.validate_update(context, new, old);
        errors.append(self.check(new));
        errors
    }

    fn namespaced(&self) -> bool {
        self.rules.namespaced()
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut dyn AnyObject) {
        self.rules.prepare_for_create(context, object);
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> Vec<String> {
        self.rules.warnings_on_create(context, object)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut dyn AnyObject, old: &dyn AnyObject) {
        self.rules.prepare_for_update(context, new, old);
    }

    fn warnings_on_update(
        &self,
        context: &StrategyContext<'_>,
        new: &dyn AnyObject,
        old: &dyn AnyObject,
    ) -> Vec<String> {
        self.rules.warnings_on_update(context, new, old)
    }

    fn canonicalize(&self, object: &mut dyn AnyObject) {
        self.rules.canonicalize(object);
    }

    fn allow_create_on_update(&self) -> bool {
        self.rules.allow_create_on_update()
    }

    fn allow_unconditional_update(&self) -> bool {
        self.rules.allow_unconditional_update()
    }

    fn check_graceful_delete(
        &self,
        context: &StrategyContext<'_>,
        object: &mut dyn AnyObject,
        options: &DeleteOptions,
    ) -> Option<i64> {
        self.rules.check_graceful_delete(context, object, options)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        self.rules.default_garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> Vec<SelectableField> {
        self.rules.selectable_fields()
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        self.rules.reset_fields()
    }
}
