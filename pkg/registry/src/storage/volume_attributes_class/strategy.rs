//! The rules of volume attributes classes.

use apimachinery::field::ErrorList;
use apis_cluster::storage::volume_attributes_class as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::storage::v1::VolumeAttributesClass;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct VolumeAttributesClassStrategy;

impl Strategy for VolumeAttributesClassStrategy {
    type Object = VolumeAttributesClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &VolumeAttributesClass) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &VolumeAttributesClass,
        old: &VolumeAttributesClass,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }
}
