//! The rules of resource quotas.

use apimachinery::field::ErrorList;
use apis_core::core::resource_quota;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::{ResourceQuota, ResourceQuotaStatus};

/// The rules of resource quotas.
#[derive(Clone, Copy, Debug)]
pub struct ResourceQuotaStrategy;

impl Strategy for ResourceQuotaStrategy {
    type Object = ResourceQuota;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, quota: &mut ResourceQuota) {
        quota.status = ResourceQuotaStatus::default();
    }

    fn validate(&self, _context: &StrategyContext<'_>, quota: &ResourceQuota) -> ErrorList {
        resource_quota::validate(quota)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, quota: &ResourceQuota) -> Vec<String> {
        resource_quota::warnings(quota)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut ResourceQuota, old: &ResourceQuota) {
        new.status.clone_from(&old.status);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
        resource_quota::validate_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a quota's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = ResourceQuota;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, quota: &ResourceQuota) -> ErrorList {
        resource_quota::validate(quota)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut ResourceQuota, old: &ResourceQuota) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
        resource_quota::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
