//! The rules of cSI nodes.

use apimachinery::field::ErrorList;
use apis_cluster::storage::csi_node as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::storage::v1::CSINode;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct CSINodeStrategy;

impl Strategy for CSINodeStrategy {
    type Object = CSINode;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CSINode) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &CSINode, old: &CSINode) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
