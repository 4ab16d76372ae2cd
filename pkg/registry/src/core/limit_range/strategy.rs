//! The rules of limit ranges.

use apimachinery::field::ErrorList;
use apis_core::core::limit_range;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::LimitRange;

/// The rules of limit ranges.
#[derive(Clone, Copy, Debug)]
pub struct LimitRangeStrategy;

impl Strategy for LimitRangeStrategy {
    type Object = LimitRange;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, range: &mut LimitRange) {
        if range.metadata.name.is_empty() {
            range.metadata.name = uuid::Uuid::new_v4().to_string();
        }
    }

    fn validate(&self, _context: &StrategyContext<'_>, range: &LimitRange) -> ErrorList {
        limit_range::validate(range)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &LimitRange, _old: &LimitRange) -> ErrorList {
        limit_range::validate(new)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
