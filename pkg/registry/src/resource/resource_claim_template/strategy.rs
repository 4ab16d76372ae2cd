//! The rules of resource claim templates.

use apimachinery::field::ErrorList;
use apis_cluster::resource::resource_claim_template as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::resource::v1::ResourceClaimTemplate;

use super::super::drop_disabled_claim_fields;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ResourceClaimTemplateStrategy;

impl Strategy for ResourceClaimTemplateStrategy {
    type Object = ResourceClaimTemplate;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut ResourceClaimTemplate) {
        drop_disabled_claim_fields(context, &mut object.spec.spec, None);
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ResourceClaimTemplate) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut ResourceClaimTemplate,
        old: &ResourceClaimTemplate,
    ) {
        drop_disabled_claim_fields(context, &mut new.spec.spec, Some(&old.spec.spec));
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ResourceClaimTemplate,
        old: &ResourceClaimTemplate,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }
}
