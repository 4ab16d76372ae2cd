//! The rules of device classes.

use apimachinery::field::ErrorList;
use apis_cluster::resource::device_class as rules;
use apiserver::registry::{Strategy, StrategyContext};
use component_base::feature_gates::Feature;
use k8s_api::resource::v1::DeviceClass;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct DeviceClassStrategy;

impl Strategy for DeviceClassStrategy {
    type Object = DeviceClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut DeviceClass) {
        object.metadata.generation = 1;
        drop_disabled(context, object, None);
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &DeviceClass) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut DeviceClass, old: &DeviceClass) {
        drop_disabled(context, new, Some(old));
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &DeviceClass, old: &DeviceClass) -> ErrorList {
        rules::validate_update(new, old)
    }
}

/// Clears what belongs to a feature that is off and was not used before.
fn drop_disabled(context: &StrategyContext<'_>, new: &mut DeviceClass, old: Option<&DeviceClass>) {
    let in_use = old.is_some_and(|old| old.spec.extended_resource_name.is_some());
    if !in_use && !context.gates.enabled(Feature::DRAExtendedResource) {
        new.spec.extended_resource_name = None;
    }
}
