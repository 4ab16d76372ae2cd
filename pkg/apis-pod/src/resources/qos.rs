//! The quality-of-service class of a pod.
//!
//! Upstream counterpart: `pkg/apis/core/helper/qos`.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    Map,
    core::v1::{Pod, ResourceRequirements},
    primitives::Quantity,
};

const GUARANTEED: &str = "Guaranteed";
const BURSTABLE: &str = "Burstable";
const BEST_EFFORT: &str = "BestEffort";
const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// The class in the pod's status, or else the one that its spec makes.
#[must_use]
pub fn qos_class(pod: &Pod, gates: &FeatureGates) -> String {
    if pod.status.qos_class.is_empty() {
        compute_qos_class(pod, gates).to_owned()
    } else {
        pod.status.qos_class.clone()
    }
}

/// Sums of what is above zero.
#[derive(Default)]
struct Sums {
    requests: Map<Quantity>,
    limits: Map<Quantity>,
    all_limited: bool,
}

fn add_positive(sums: &mut Map<Quantity>, list: &Map<Quantity>) -> usize {
    let positive = |name: &&str| list.get(name).is_some_and(|quantity| quantity.signum() > 0);
    let mut count = 0;
    for name in COMPUTE.iter().filter(|name| positive(name)) {
        sums.get_or_insert_with(*name, Quantity::default).add(&list[name]);
        count += 1;
    }
    count
}

impl Sums {
    fn add(&mut self, requirements: &ResourceRequirements) {
        add_positive(&mut self.requests, &requirements.requests);
        self.all_limited &= add_positive(&mut self.limits, &requirements.limits) == COMPUTE.len();
    }
}

/// The class that the pod's spec makes: guaranteed if every container limits and requests the same
/// CPU and memory, best effort if none asks for either, else burstable.
#[must_use]
pub fn compute_qos_class(pod: &Pod, gates: &FeatureGates) -> &'static str {
    let mut sums = Sums {
        all_limited: true,
        ..Sums::default()
    };
    match &pod.spec.resources {
        Some(resources) if gates.enabled(Feature::PodLevelResources) => {
            add_positive(&mut sums.requests, &resources.requests);
            if !resources.limits.is_empty() {
                sums.all_limited = add_positive(&mut sums.limits, &resources.limits) == COMPUTE.len();
            }
        }
        _ => {
            for container in pod.spec.containers.iter().chain(&pod.spec.init_containers) {
                sums.add(&container.resources);
            }
        }
    }
    if sums.requests.is_empty() && sums.limits.is_empty() {
        BEST_EFFORT
    } else if sums.all_limited && sums.requests == sums.limits {
        GUARANTEED
    } else {
        BURSTABLE
    }
}
