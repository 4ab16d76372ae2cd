//! The rules of config maps.

use apimachinery::field::ErrorList;
use apis_core::core::config_map;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::ConfigMap;

/// The rules of config maps.
#[derive(Clone, Copy, Debug)]
pub struct ConfigMapStrategy;

impl Strategy for ConfigMapStrategy {
    type Object = ConfigMap;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, map: &ConfigMap) -> ErrorList {
        config_map::validate(map)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ConfigMap, old: &ConfigMap) -> ErrorList {
        config_map::validate_update(new, old)
    }
}
