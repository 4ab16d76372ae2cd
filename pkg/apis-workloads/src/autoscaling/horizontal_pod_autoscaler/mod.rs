//! Horizontal pod autoscalers. `autoscaling/v2` is the hub; v1 keeps in annotations what it has no
//! members for.

mod annotations;
mod conversion;
mod defaults;
mod metrics;
#[cfg(test)]
mod tests;
mod validation;

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior};

pub use annotations::drop_round_trip_annotations;
pub use conversion::{from_v1, to_v1};
pub use defaults::{set_defaults, set_defaults_v1};
pub use validation::{validate, validate_status_update, validate_update};

/// The share of the CPU that is aimed at when nothing else is said, in percent.
const DEFAULT_CPU_UTILIZATION: i32 = 80;

fn has_tolerance(autoscaler: &HorizontalPodAutoscaler) -> bool {
    let behavior = autoscaler.spec.behavior.as_deref();
    behavior.is_some_and(|HorizontalPodAutoscalerBehavior { scale_down, scale_up }| {
        [scale_down, scale_up]
            .into_iter()
            .flatten()
            .any(|rules| rules.tolerance.is_some())
    })
}

/// Clears what no feature knows that is on, and was not there before.
pub fn drop_disabled_fields(
    new: &mut HorizontalPodAutoscaler,
    old: Option<&HorizontalPodAutoscaler>,
    gates: &FeatureGates,
) {
    if gates.enabled(Feature::HPAConfigurableTolerance) || old.is_some_and(has_tolerance) {
        return;
    }
    if let Some(behavior) = &mut new.spec.behavior {
        for rules in [&mut behavior.scale_down, &mut behavior.scale_up].into_iter().flatten() {
            rules.tolerance = None;
        }
    }
}
