//! The rules of ingresses.

use apimachinery::field::ErrorList;
use apis_workloads::networking::ingress;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::networking::v1::{Ingress, IngressStatus};

/// The rules of ingresses.
#[derive(Clone, Copy, Debug)]
pub struct IngressStrategy;

impl Strategy for IngressStrategy {
    type Object = Ingress;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, ingress: &mut Ingress) {
        ingress.status = IngressStatus::default();
        ingress.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, ingress: &Ingress) -> ErrorList {
        ingress::validate(ingress, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, ingress: &Ingress) -> Vec<String> {
        ingress::warnings_on_create(ingress)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Ingress, old: &Ingress) {
        new.status.clone_from(&old.status);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Ingress, old: &Ingress) -> ErrorList {
        ingress::validate_update(new, old, context.gates)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of an ingress's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Ingress;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, ingress: &Ingress) -> ErrorList {
        IngressStrategy.validate(context, ingress)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Ingress, old: &Ingress) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Ingress, old: &Ingress) -> ErrorList {
        ingress::validate_status_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Ingress, _old: &Ingress) -> Vec<String> {
        ingress::warnings_on_status_update(new)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
