//! What the server itself changes in a status that is written.

use apiserver::registry::StrategyContext;
use component_base::feature_gates::Feature;
use k8s_api::resource::v1::{AllocationResult, DeviceRequestAllocationResult, ResourceClaim, ResourceClaimStatus};

use super::super::uses_consumable_capacity;

/// Clears what belongs to features that are off, then the status of devices that are given back.
pub(super) fn prepare(context: &StrategyContext<'_>, new: &mut ResourceClaim, old: &ResourceClaim) {
    let on = |feature: Feature| context.gates.enabled(feature);
    let device_status = on(Feature::DRAResourceClaimDeviceStatus) || !old.status.devices.is_empty();
    if !device_status {
        new.status.devices.clear();
    }
    if !on(Feature::DRAConsumableCapacity) && !uses_consumable_capacity(&old.spec) && !has_shares(&old.status) {
        for result in results_mut(&mut new.status) {
            result.share_id = None;
            result.consumed_capacity.clear();
        }
        for device in &mut new.status.devices {
            device.share_id = None;
        }
    }
    let waits = |result: &DeviceRequestAllocationResult| {
        !result.binding_conditions.is_empty() || !result.binding_failure_conditions.is_empty()
    };
    if !on(Feature::DRADeviceBindingConditions) && !results(old.status.allocation.as_deref()).iter().any(waits) {
        for result in results_mut(&mut new.status) {
            result.binding_conditions.clear();
            result.binding_failure_conditions.clear();
        }
    }
    if device_status {
        drop_deallocated(&mut new.status, &old.status);
    }
}

fn results(allocation: Option<&AllocationResult>) -> &[DeviceRequestAllocationResult] {
    allocation.map_or(&[], |allocation| &allocation.devices.results)
}

fn results_mut(status: &mut ResourceClaimStatus) -> &mut [DeviceRequestAllocationResult] {
    match &mut status.allocation {
        Some(allocation) => &mut allocation.devices.results,
        None => &mut [],
    }
}

fn has_shares(status: &ResourceClaimStatus) -> bool {
    let mut results = results(status.allocation.as_deref()).iter();
    results.any(|result| result.share_id.is_some() || !result.consumed_capacity.is_empty())
        || status.devices.iter().any(|device| device.share_id.is_some())
}

fn drop_deallocated(new: &mut ResourceClaimStatus, old: &ResourceClaimStatus) {
    let (allocation, devices) = (&new.allocation, &mut new.devices);
    devices.retain(|device| {
        let id = (&device.driver, &device.pool, &device.device, device.share_id.as_deref());
        let among = |results: &[DeviceRequestAllocationResult]| {
            let mut results = results.iter();
            results.any(|one| (&one.driver, &one.pool, &one.device, one.share_id.as_deref()) == id)
        };
        among(results(allocation.as_deref())) || !among(results(old.allocation.as_deref()))
    });
}
