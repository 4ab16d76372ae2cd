//! What an autoscaler is when nothing is said.

use k8s_api::autoscaling::{
    v1,
    v2::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, MetricSpec, MetricTarget, ResourceMetricSource},
};

use super::DEFAULT_CPU_UTILIZATION;

const PERIOD_SECONDS: i32 = 15;

/// Sets the defaults of v1, which leave the metrics to the conversion.
pub fn set_defaults_v1(autoscaler: &mut v1::HorizontalPodAutoscaler) {
    autoscaler.spec.min_replicas.get_or_insert(1);
}

/// Sets the defaults of v2.
pub fn set_defaults(autoscaler: &mut HorizontalPodAutoscaler) {
    let spec = &mut autoscaler.spec;
    spec.min_replicas.get_or_insert(1);
    if spec.metrics.is_empty() {
        spec.metrics.push(cpu_utilization(DEFAULT_CPU_UTILIZATION));
    }
    if let Some(behavior) = &mut spec.behavior {
        let up = behavior.scale_up.get_or_insert_default();
        up.stabilization_window_seconds.get_or_insert(0);
        set_rules_defaults(up, &[policy("Pods", 4), policy("Percent", 100)]);
        let down = behavior.scale_down.get_or_insert_default();
        set_rules_defaults(down, &[policy("Percent", 100)]);
    }
}

/// The metric that keeps the pods at so many percent of the CPU that they ask for.
pub(super) fn cpu_utilization(percent: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".into(),
        resource: Some(Box::new(ResourceMetricSource {
            name: "cpu".into(),
            target: MetricTarget {
                type_: "Utilization".into(),
                average_utilization: Some(percent),
                ..MetricTarget::default()
            },
        })),
        ..MetricSpec::default()
    }
}

fn policy(type_: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy {
        period_seconds: PERIOD_SECONDS,
        type_: type_.into(),
        value,
    }
}

fn set_rules_defaults(rules: &mut HPAScalingRules, policies: &[HPAScalingPolicy]) {
    rules.select_policy.get_or_insert_with(|| "Max".into());
    if rules.policies.is_empty() {
        rules.policies = policies.to_vec();
    }
}
