//! The rules of ranges of service addresses.

use apimachinery::field::ErrorList;
use apis_workloads::networking::service_cidr;
use apiserver::registry::{Strategy, StrategyContext};
use component_base::feature_gates::Feature;
use k8s_api::networking::v1::{ServiceCIDR, ServiceCIDRStatus};

/// The gate without which the main endpoint writes the status too.
const STATUS_WIPING: Feature = Feature::ServiceCIDRStatusFieldWiping;

/// The rules of ranges.
#[derive(Clone, Copy, Debug)]
pub struct ServiceCIDRStrategy;

impl Strategy for ServiceCIDRStrategy {
    type Object = ServiceCIDR;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, range: &mut ServiceCIDR) {
        if context.gates.enabled(STATUS_WIPING) {
            range.status = ServiceCIDRStatus::default();
        }
    }

    fn validate(&self, _context: &StrategyContext<'_>, range: &ServiceCIDR) -> ErrorList {
        service_cidr::validate(range)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ServiceCIDR, old: &ServiceCIDR) {
        if context.gates.enabled(STATUS_WIPING) {
            new.status.clone_from(&old.status);
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
        service_cidr::validate_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a range's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = ServiceCIDR;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, context: &StrategyContext<'_>, range: &ServiceCIDR) -> ErrorList {
        ServiceCIDRStrategy.validate(context, range)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut ServiceCIDR, old: &ServiceCIDR) {
        new.spec.clone_from(&old.spec);
        let (meta, before) = (&mut new.metadata, &old.metadata);
        meta.deletion_timestamp = before.deletion_timestamp;
        meta.generation = before.generation;
        meta.self_link.clone_from(&before.self_link);
        meta.labels.clone_from(&before.labels);
        meta.annotations.clone_from(&before.annotations);
        meta.finalizers.clone_from(&before.finalizers);
        meta.owner_references.clone_from(&before.owner_references);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
        service_cidr::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["metadata"], &["spec"]]
    }
}
