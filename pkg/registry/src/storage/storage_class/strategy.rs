//! The rules of storage classes.

use apimachinery::field::ErrorList;
use apis_cluster::storage::storage_class as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::storage::v1::StorageClass;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct StorageClassStrategy;

impl Strategy for StorageClassStrategy {
    type Object = StorageClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &StorageClass) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &StorageClass, old: &StorageClass) -> ErrorList {
        rules::validate_update(new, old)
    }
}
