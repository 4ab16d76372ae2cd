//! `ResourceSlice`: some of the devices that a driver offers.

mod attributes;
mod capacity;
mod device;
mod validation;

use k8s_api::{
    primitives::{Quantity, Time},
    resource::v1::ResourceSlice,
};

pub use validation::{validate, validate_update};

/// Gives taints their time, and mappings to resources of the node their factor.
pub fn set_defaults(slice: &mut ResourceSlice) {
    for device in &mut slice.spec.devices {
        for taint in &mut device.taints {
            taint.time_added.get_or_insert_with(Time::now);
        }
        for mapping in device.node_allocatable_resource_mappings.values_mut() {
            mapping.allocation_multiplier.get_or_insert_with(|| Quantity::from(1));
        }
    }
}
