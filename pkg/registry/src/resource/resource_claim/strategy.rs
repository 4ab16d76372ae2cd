//! The rules of resource claims.

use apimachinery::field::ErrorList;
use apis_cluster::resource::resource_claim as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::resource::v1::ResourceClaim;

use super::super::drop_disabled_claim_fields;
use crate::metadata::reset_for_status;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ResourceClaimStrategy;

impl Strategy for ResourceClaimStrategy {
    type Object = ResourceClaim;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut ResourceClaim) {
        object.status = Default::default();
        drop_disabled_claim_fields(context, &mut object.spec, None);
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ResourceClaim) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ResourceClaim, old: &ResourceClaim) {
        new.status = old.status.clone();
        drop_disabled_claim_fields(context, &mut new.spec, Some(&old.spec));
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of `status`.
#[derive(Clone, Copy, Debug)]
pub struct ResourceClaimStatusStrategy;

impl Strategy for ResourceClaimStatusStrategy {
    type Object = ResourceClaim;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ResourceClaim) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ResourceClaim, old: &ResourceClaim) {
        new.spec = old.spec.clone();
        reset_for_status(&mut new.metadata, &old.metadata);
        super::status::prepare(context, new, old);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
        rules::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["metadata"], &["spec"]]
    }
}
