//! The rules of cSI storage capacities.

use apimachinery::field::ErrorList;
use apis_cluster::storage::csi_storage_capacity as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::storage::v1::CSIStorageCapacity;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct CSIStorageCapacityStrategy;

impl Strategy for CSIStorageCapacityStrategy {
    type Object = CSIStorageCapacity;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CSIStorageCapacity) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CSIStorageCapacity,
        old: &CSIStorageCapacity,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
