//! `resource.k8s.io`: devices that drivers offer, classes of them, and claims for them.

pub mod device_class;
pub mod resource_claim;
pub mod resource_claim_template;
pub mod resource_slice;

#[cfg(test)]
mod tests;

use apiserver::registry::StrategyContext;
use component_base::feature_gates::Feature;
use k8s_api::resource::v1::{CapacityRequirements, ResourceClaimSpec};

/// Whether a claim asks for parts of devices.
fn uses_consumable_capacity(spec: &ResourceClaimSpec) -> bool {
    let asks = |capacity: Option<&CapacityRequirements>| capacity.is_some();
    spec.devices
        .constraints
        .iter()
        .any(|constraint| constraint.distinct_attribute.is_some())
        || spec.devices.requests.iter().any(|request| {
            request
                .exactly
                .as_ref()
                .is_some_and(|exactly| asks(exactly.capacity.as_deref()))
                || request.first_available.iter().any(|one| asks(one.capacity.as_deref()))
        })
}

/// Whether a claim tolerates taints.
fn uses_tolerations(spec: &ResourceClaimSpec) -> bool {
    spec.devices.requests.iter().any(|request| {
        request
            .exactly
            .as_ref()
            .is_some_and(|exactly| !exactly.tolerations.is_empty())
            || request.first_available.iter().any(|one| !one.tolerations.is_empty())
    })
}

/// Clears what belongs to features that are off, unless the stored claim uses them.
fn drop_disabled_claim_fields(
    context: &StrategyContext<'_>,
    new: &mut ResourceClaimSpec,
    old: Option<&ResourceClaimSpec>,
) {
    let off = |feature: Feature, uses: fn(&ResourceClaimSpec) -> bool| {
        !context.gates.enabled(feature) && !old.is_some_and(uses)
    };
    let (no_tolerations, no_capacity) = (
        off(Feature::DRADeviceTaints, uses_tolerations),
        off(Feature::DRAConsumableCapacity, uses_consumable_capacity),
    );
    for request in &mut new.devices.requests {
        if let Some(exactly) = &mut request.exactly {
            if no_tolerations {
                exactly.tolerations.clear();
            }
            if no_capacity {
                exactly.capacity = None;
            }
        }
        for one in &mut request.first_available {
            if no_tolerations {
                one.tolerations.clear();
            }
            if no_capacity {
                one.capacity = None;
            }
        }
    }
    if no_capacity {
        for constraint in &mut new.devices.constraints {
            constraint.distinct_attribute = None;
        }
    }
}
