//! Members that belong to features which are off: they are cleared unless the stored slice uses them.

use apiserver::registry::StrategyContext;
use component_base::feature_gates::Feature;
use k8s_api::resource::v1::{Device, DeviceAttribute, ResourceSlice, ResourceSliceSpec};

/// A feature: its gates, whether a slice uses it, and how to clear it.
type Uses = (
    &'static [Feature],
    fn(&ResourceSliceSpec) -> bool,
    fn(&mut ResourceSliceSpec),
);

const FEATURES: [Uses; 6] = [
    (
        &[Feature::DRADeviceTaints],
        |spec| any(spec, |device| !device.taints.is_empty()),
        |spec| {
            each(spec, |device| device.taints.clear());
        },
    ),
    (&[Feature::DRAPartitionableDevices], uses_partitions, |spec| {
        spec.shared_counters.clear();
        spec.per_device_node_selection = None;
        each(spec, |device| {
            device.consumes_counters.clear();
            device.node_name = None;
            device.node_selector = None;
            device.all_nodes = None;
        });
    }),
    (
        &[
            Feature::DRADeviceBindingConditions,
            Feature::DRAResourceClaimDeviceStatus,
        ],
        |spec| any(spec, waits),
        |spec| {
            each(spec, |device| {
                device.binding_conditions.clear();
                device.binding_failure_conditions.clear();
                device.binds_to_node = None;
            });
        },
    ),
    (
        &[Feature::DRAConsumableCapacity],
        |spec| any(spec, is_shared),
        |spec| {
            each(spec, |device| {
                device.allow_multiple_allocations = None;
                for capacity in device.capacity.values_mut() {
                    capacity.request_policy = None;
                }
            });
        },
    ),
    (
        &[Feature::DRANodeAllocatableResources],
        |spec| any(spec, |device| !device.node_allocatable_resource_mappings.is_empty()),
        |spec| each(spec, |device| device.node_allocatable_resource_mappings.clear()),
    ),
    (
        &[Feature::DRAListTypeAttributes],
        |spec| any(spec, |device| device.attributes.values().any(is_list)),
        |spec| {
            each(spec, |device| {
                for attribute in device.attributes.values_mut() {
                    attribute.bools.clear();
                    attribute.ints.clear();
                    attribute.strings.clear();
                    attribute.versions.clear();
                }
            });
        },
    ),
];

fn any(spec: &ResourceSliceSpec, uses: fn(&Device) -> bool) -> bool {
    spec.devices.iter().any(uses)
}

fn each(spec: &mut ResourceSliceSpec, clear: fn(&mut Device)) {
    spec.devices.iter_mut().for_each(clear);
}

fn uses_partitions(spec: &ResourceSliceSpec) -> bool {
    let placed =
        |device: &Device| device.node_name.is_some() || device.node_selector.is_some() || device.all_nodes.is_some();
    !spec.shared_counters.is_empty()
        || spec.per_device_node_selection.is_some()
        || spec
            .devices
            .iter()
            .any(|device| !device.consumes_counters.is_empty() || placed(device))
}

fn waits(device: &Device) -> bool {
    !device.binding_conditions.is_empty()
        || !device.binding_failure_conditions.is_empty()
        || device.binds_to_node.is_some()
}

fn is_shared(device: &Device) -> bool {
    device.allow_multiple_allocations.is_some()
        || device
            .capacity
            .values()
            .any(|capacity| capacity.request_policy.is_some())
}

fn is_list(attribute: &DeviceAttribute) -> bool {
    !(attribute.bools.is_empty()
        && attribute.ints.is_empty()
        && attribute.strings.is_empty()
        && attribute.versions.is_empty())
}

/// Clears the members of every feature that is off and unused.
pub(super) fn drop_disabled(context: &StrategyContext<'_>, new: &mut ResourceSlice, old: Option<&ResourceSlice>) {
    for (features, uses, clear) in FEATURES {
        let on = features.iter().all(|feature| context.gates.enabled(*feature));
        if !on && !old.is_some_and(|old| uses(&old.spec)) {
            clear(&mut new.spec);
        }
    }
}
