//! The rules of cSI drivers.

use apimachinery::field::ErrorList;
use apis_cluster::storage::csi_driver as rules;
use apiserver::registry::{Strategy, StrategyContext};
use component_base::feature_gates::Feature;
use k8s_api::storage::v1::CSIDriver;

const GATE: Feature = Feature::VolumeLimitScaling;
const TOKEN_WARNING: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct CSIDriverStrategy;

impl Strategy for CSIDriverStrategy {
    type Object = CSIDriver;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut CSIDriver) {
        if context.gates.enabled(GATE) {
            object.spec.prevent_pod_scheduling_if_missing.get_or_insert(false);
        } else {
            object.spec.prevent_pod_scheduling_if_missing = None;
        }
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &CSIDriver) -> ErrorList {
        rules::validate(object, context.gates.enabled(GATE))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut CSIDriver, old: &CSIDriver) {
        let kept = old.spec.prevent_pod_scheduling_if_missing;
        if context.gates.enabled(GATE) {
            new.spec.prevent_pod_scheduling_if_missing.get_or_insert(false);
        } else if kept.is_none() {
            new.spec.prevent_pod_scheduling_if_missing = None;
        }
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &CSIDriver, old: &CSIDriver) -> ErrorList {
        rules::validate_update(new, old, context.gates.enabled(GATE))
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, object: &CSIDriver) -> Vec<String> {
        recommend_secrets(object)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &CSIDriver, old: &CSIDriver) -> Vec<String> {
        if new.spec.token_requests == old.spec.token_requests {
            return Vec::new();
        }
        recommend_secrets(new)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

/// Tokens in the volume context end up in logs.
fn recommend_secrets(driver: &CSIDriver) -> Vec<String> {
    if driver.spec.token_requests.is_empty() || driver.spec.service_account_token_in_secrets.is_some() {
        return Vec::new();
    }
    vec![TOKEN_WARNING.into()]
}
