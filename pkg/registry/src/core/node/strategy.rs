//! The rules of nodes. A new node may bring its status; later only `status` changes it.

use apimachinery::field::ErrorList;
use apis_core::core::node;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::Node;

const FIELDS: &[SelectableField] =
    &[SelectableField::new("spec.unschedulable", &["spec", "unschedulable"]).default("false")];

/// Clears features that the gates do not allow, unless `old` has them.
fn drop_disabled_fields(node: &mut Node, old: Option<&Node>, gates: &FeatureGates) {
    let in_use = old.is_some_and(|old| !old.status.declared_features.is_empty());
    if !in_use && !gates.enabled(Feature::NodeDeclaredFeatures) {
        node.status.declared_features.clear();
    }
}

/// The rules of nodes.
#[derive(Clone, Copy, Debug)]
pub struct NodeStrategy;

impl Strategy for NodeStrategy {
    type Object = Node;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, node: &mut Node) {
        node.spec.config_source = None;
        node.status.config = None;
        drop_disabled_fields(node, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, node: &Node) -> ErrorList {
        node::validate(node, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, node: &Node) -> Vec<String> {
        node::warnings(node)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Node, old: &Node) {
        new.status.clone_from(&old.status);
        if old.spec.config_source.is_none() {
            new.spec.config_source = None;
        }
        drop_disabled_fields(new, Some(old), context.gates);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Node, old: &Node) -> ErrorList {
        let mut errors = node::validate(new, context.gates);
        errors.append(node::validate_update(new, old));
        errors
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Node, _old: &Node) -> Vec<String> {
        node::warnings(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a node's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Node;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, context: &StrategyContext<'_>, node: &Node) -> ErrorList {
        node::validate(node, context.gates)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Node, old: &Node) {
        new.spec.clone_from(&old.spec);
        if old.status.config.is_none() {
            new.status.config = None;
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Node, old: &Node) -> ErrorList {
        node::validate_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
