//! The rules of stored templates. Their generation counts changes of the template.

use apimachinery::field::{ErrorList, Path};
use apis_pod::pod::{
    PodValidationOptions, drop_disabled_template_fields, normalize_template_spec,
    validation::{validate_pod_template, validate_pod_template_update},
    warnings_for_template,
};
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::PodTemplate;

/// The rules of stored templates.
#[derive(Clone, Copy, Debug)]
pub struct PodTemplateStrategy {
    /// Whether containers may be privileged (`--allow-privileged`).
    pub allow_privileged: bool,
}

impl PodTemplateStrategy {
    fn options(self, old: Option<&PodTemplate>, context: &StrategyContext<'_>) -> PodValidationOptions {
        let old = old.map(|old| &old.template);
        PodValidationOptions::for_template(old, context.gates).with_privileged(self.allow_privileged)
    }
}

impl Strategy for PodTemplateStrategy {
    type Object = PodTemplate;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, template: &mut PodTemplate) {
        template.metadata.generation = 1;
        drop_disabled_template_fields(&mut template.template, None, context.gates);
        normalize_template_spec(&mut template.template);
    }

    fn validate(&self, context: &StrategyContext<'_>, template: &PodTemplate) -> ErrorList {
        validate_pod_template(template, &self.options(None, context))
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, template: &PodTemplate) -> Vec<String> {
        warnings_for_template(&template.template, &Path::new("template"))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut PodTemplate, old: &PodTemplate) {
        drop_disabled_template_fields(&mut new.template, Some(&old.template), context.gates);
        normalize_template_spec(&mut new.template);
        if new.template != old.template {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &PodTemplate, old: &PodTemplate) -> ErrorList {
        validate_pod_template_update(new, old, &self.options(Some(old), context))
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &PodTemplate, old: &PodTemplate) -> Vec<String> {
        if new.metadata.generation == old.metadata.generation {
            return Vec::new();
        }
        warnings_for_template(&new.template, &Path::new("template"))
    }
}
