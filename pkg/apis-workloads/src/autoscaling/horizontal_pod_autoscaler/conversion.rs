//! Conversion between v1 and v2.
//!
//! v1 has one metric, the CPU in percent. The others, the status of all of them, the conditions and
//! the behavior travel in annotations, so that nothing is lost on the way there and back.

use k8s_api::{
    autoscaling::{
        v1,
        v2::{
            ContainerResourceMetricSource, ContainerResourceMetricStatus, CrossVersionObjectReference,
            ExternalMetricSource, ExternalMetricStatus, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
            HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerSpec,
            HorizontalPodAutoscalerStatus, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
            ObjectMetricSource, ObjectMetricStatus, PodsMetricSource, PodsMetricStatus, ResourceMetricSource,
            ResourceMetricStatus,
        },
    },
    meta::v1::LabelSelector,
    primitives::Quantity,
};

use super::{
    DEFAULT_CPU_UTILIZATION,
    annotations::{
        self, BEHAVIOR, Behavior, CONDITIONS, CURRENT_METRICS, Condition, METRICS, Policy, Reference, Rules, Selector,
        drop_round_trip_annotations,
    },
    defaults::cpu_utilization,
};

const CPU: &str = "cpu";

/// The percentage of a metric that v1 has a member for.
fn cpu_percentage(metric: &MetricSpec) -> Option<i32> {
    let resource = metric.resource.as_deref().filter(|_| metric.type_ == "Resource")?;
    (resource.name == CPU).then_some(resource.target.average_utilization)?
}

/// The autoscaler in its v1 form.
#[must_use]
pub fn to_v1(autoscaler: &HorizontalPodAutoscaler) -> v1::HorizontalPodAutoscaler {
    let HorizontalPodAutoscaler { metadata, spec, status } = autoscaler;
    let mut metadata = metadata.clone();
    let annotations = &mut metadata.annotations;
    drop_round_trip_annotations(annotations);
    let others: Vec<_> = spec
        .metrics
        .iter()
        .filter(|metric| cpu_percentage(metric).is_none())
        .map(metric_to_v1)
        .collect();
    if !others.is_empty() {
        annotations::write(annotations, METRICS, &others);
    }
    if !status.current_metrics.is_empty() {
        let current: Vec<_> = status.current_metrics.iter().map(status_to_v1).collect();
        annotations::write(annotations, CURRENT_METRICS, &current);
    }
    if let Some(behavior) = &spec.behavior {
        annotations::write(annotations, BEHAVIOR, &behavior_to_v1(behavior));
    }
    if !status.conditions.is_empty() {
        let conditions: Vec<_> = status.conditions.iter().map(condition_to_v1).collect();
        annotations::write(annotations, CONDITIONS, &conditions);
    }
    let current_cpu = status.current_metrics.iter().rev().find_map(|metric| {
        let resource = metric.resource.as_deref().filter(|_| metric.type_ == "Resource")?;
        (resource.name == CPU).then_some(resource.current.average_utilization)?
    });
    let target = &spec.scale_target_ref;
    v1::HorizontalPodAutoscaler {
        metadata,
        spec: v1::HorizontalPodAutoscalerSpec {
            max_replicas: spec.max_replicas,
            min_replicas: spec.min_replicas,
            scale_target_ref: v1::CrossVersionObjectReference {
                api_version: target.api_version.clone(),
                kind: target.kind.clone(),
                name: target.name.clone(),
            },
            target_cpu_utilization_percentage: spec.metrics.iter().find_map(cpu_percentage),
        },
        status: v1::HorizontalPodAutoscalerStatus {
            current_cpu_utilization_percentage: current_cpu,
            current_replicas: status.current_replicas,
            desired_replicas: status.desired_replicas,
            last_scale_time: status.last_scale_time,
            observed_generation: status.observed_generation,
        },
    }
}

/// The autoscaler in its v2 form, with the metric that v1 implies.
#[must_use]
pub fn from_v1(autoscaler: v1::HorizontalPodAutoscaler) -> HorizontalPodAutoscaler {
    let v1::HorizontalPodAutoscaler {
        mut metadata,
        spec,
        status,
    } = autoscaler;
    let annotations = &metadata.annotations;
    let own = spec.target_cpu_utilization_percentage.map(cpu_utilization);
    let others: Option<Vec<annotations::MetricSpec>> = annotations::read(annotations, METRICS);
    let mut metrics: Vec<_> = others
        .unwrap_or_default()
        .into_iter()
        .map(metric_from_v1)
        .chain(own)
        .collect();
    if metrics.is_empty() {
        metrics.push(cpu_utilization(DEFAULT_CPU_UTILIZATION));
    }
    let behavior: Option<Behavior> = annotations::read(annotations, BEHAVIOR);
    let behavior = behavior.filter(|own| own.scale_up.is_some() || own.scale_down.is_some());
    let current: Option<Vec<annotations::MetricStatus>> = annotations::read(annotations, CURRENT_METRICS);
    let current_metrics = match current {
        Some(current) => current.into_iter().map(status_from_v1).collect(),
        None => status
            .current_cpu_utilization_percentage
            .map(current_cpu)
            .into_iter()
            .collect(),
    };
    let conditions: Option<Vec<Condition>> = annotations::read(annotations, CONDITIONS);
    let conditions = conditions
        .unwrap_or_default()
        .into_iter()
        .map(condition_from_v1)
        .collect();
    drop_round_trip_annotations(&mut metadata.annotations);
    let target = spec.scale_target_ref;
    HorizontalPodAutoscaler {
        metadata,
        spec: HorizontalPodAutoscalerSpec {
            behavior: behavior.map(|behavior| Box::new(behavior_from_v1(behavior))),
            max_replicas: spec.max_replicas,
            metrics,
            min_replicas: spec.min_replicas,
            scale_target_ref: CrossVersionObjectReference {
                api_version: target.api_version,
                kind: target.kind,
                name: target.name,
            },
        },
        status: HorizontalPodAutoscalerStatus {
            conditions,
            current_metrics,
            current_replicas: status.current_replicas,
            desired_replicas: status.desired_replicas,
            last_scale_time: status.last_scale_time,
            observed_generation: status.observed_generation,
        },
    }
}

fn current_cpu(percent: i32) -> MetricStatus {
    MetricStatus {
        type_: "Resource".into(),
        resource: Some(Box::new(ResourceMetricStatus {
            name: CPU.into(),
            current: MetricValueStatus {
                average_utilization: Some(percent),
                ..MetricValueStatus::default()
            },
        })),
        ..MetricStatus::default()
    }
}

fn reference_to_v1(reference: &CrossVersionObjectReference) -> Reference {
    Reference {
        kind: reference.kind.clone(),
        name: reference.name.clone(),
        api_version: reference.api_version.clone(),
    }
}

fn reference_from_v1(reference: Reference) -> CrossVersionObjectReference {
    CrossVersionObjectReference {
        kind: reference.kind,
        name: reference.name,
        api_version: reference.api_version,
    }
}

fn selector_to_v1(metric: &MetricIdentifier) -> Option<Selector> {
    let selector: Option<&LabelSelector> = metric.selector.as_deref();
    Selector::of(selector)
}

fn identifier(name: String, selector: Option<Selector>) -> MetricIdentifier {
    MetricIdentifier {
        name,
        selector: selector.map(Selector::into_api),
    }
}

fn or_zero(quantity: &Option<Quantity>) -> Quantity {
    quantity.clone().unwrap_or_default()
}

fn metric_to_v1(metric: &MetricSpec) -> annotations::MetricSpec {
    annotations::MetricSpec {
        type_: metric.type_.clone(),
        object: metric.object.as_deref().map(|source| annotations::ObjectSource {
            target: reference_to_v1(&source.described_object),
            metric_name: source.metric.name.clone(),
            target_value: or_zero(&source.target.value),
            selector: selector_to_v1(&source.metric),
            average_value: source.target.average_value.clone(),
        }),
        pods: metric.pods.as_deref().map(|source| annotations::PodsSource {
            metric_name: source.metric.name.clone(),
            target_average_value: or_zero(&source.target.average_value),
            selector: selector_to_v1(&source.metric),
        }),
        resource: metric.resource.as_deref().map(|source| annotations::ResourceSource {
            name: source.name.clone(),
            target_average_utilization: source.target.average_utilization,
            target_average_value: source.target.average_value.clone(),
        }),
        container_resource: metric
            .container_resource
            .as_deref()
            .map(|source| annotations::ContainerResourceSource {
                name: source.name.clone(),
                target_average_utilization: source.target.average_utilization,
                target_average_value: source.target.average_value.clone(),
                container: source.container.clone(),
            }),
        external: metric.external.as_deref().map(|source| annotations::ExternalSource {
            metric_name: source.metric.name.clone(),
            metric_selector: selector_to_v1(&source.metric),
            target_value: source.target.value.clone(),
            target_average_value: source.target.average_value.clone(),
        }),
    }
}

fn target(value: Option<Quantity>, average_value: Option<Quantity>, type_: &str) -> MetricTarget {
    MetricTarget {
        type_: type_.into(),
        value,
        average_value,
        average_utilization: None,
    }
}

fn resource_target(utilization: Option<i32>, average_value: Option<Quantity>) -> MetricTarget {
    let type_ = if utilization.is_none() {
        "AverageValue"
    } else {
        "Utilization"
    };
    MetricTarget {
        average_utilization: utilization,
        ..target(None, average_value, type_)
    }
}

fn metric_from_v1(metric: annotations::MetricSpec) -> MetricSpec {
    MetricSpec {
        type_: metric.type_,
        object: metric.object.map(|source| {
            let of_pods = source.average_value.is_some();
            // v1 cannot leave the value out, so that zero beside an average stands for none.
            let value = Some(source.target_value).filter(|value| !(of_pods && value.is_zero()));
            Box::new(ObjectMetricSource {
                described_object: reference_from_v1(source.target),
                metric: identifier(source.metric_name, source.selector),
                target: target(
                    value,
                    source.average_value,
                    if of_pods { "AverageValue" } else { "Value" },
                ),
            })
        }),
        pods: metric.pods.map(|source| {
            Box::new(PodsMetricSource {
                metric: identifier(source.metric_name, source.selector),
                target: target(None, Some(source.target_average_value), "AverageValue"),
            })
        }),
        resource: metric.resource.map(|source| {
            Box::new(ResourceMetricSource {
                name: source.name,
                target: resource_target(source.target_average_utilization, source.target_average_value),
            })
        }),
        container_resource: metric.container_resource.map(|source| {
            Box::new(ContainerResourceMetricSource {
                container: source.container,
                name: source.name,
                target: resource_target(source.target_average_utilization, source.target_average_value),
            })
        }),
        external: metric.external.map(|source| {
            let type_ = if source.target_value.is_none() {
                "AverageValue"
            } else {
                "Value"
            };
            Box::new(ExternalMetricSource {
                metric: identifier(source.metric_name, source.metric_selector),
                target: target(source.target_value, source.target_average_value, type_),
            })
        }),
    }
}

fn status_to_v1(metric: &MetricStatus) -> annotations::MetricStatus {
    annotations::MetricStatus {
        type_: metric.type_.clone(),
        object: metric.object.as_deref().map(|status| annotations::ObjectStatus {
            target: reference_to_v1(&status.described_object),
            metric_name: status.metric.name.clone(),
            current_value: or_zero(&status.current.value),
            selector: selector_to_v1(&status.metric),
            average_value: status.current.average_value.clone(),
        }),
        pods: metric.pods.as_deref().map(|status| annotations::PodsStatus {
            metric_name: status.metric.name.clone(),
            current_average_value: or_zero(&status.current.average_value),
            selector: selector_to_v1(&status.metric),
        }),
        resource: metric.resource.as_deref().map(|status| annotations::ResourceStatus {
            name: status.name.clone(),
            current_average_utilization: status.current.average_utilization,
            current_average_value: or_zero(&status.current.average_value),
        }),
        container_resource: metric
            .container_resource
            .as_deref()
            .map(|status| annotations::ContainerResourceStatus {
                name: status.name.clone(),
                current_average_utilization: status.current.average_utilization,
                current_average_value: or_zero(&status.current.average_value),
                container: status.container.clone(),
            }),
        external: metric.external.as_deref().map(|status| annotations::ExternalStatus {
            metric_name: status.metric.name.clone(),
            metric_selector: selector_to_v1(&status.metric),
            current_value: or_zero(&status.current.value),
            current_average_value: status.current.average_value.clone(),
        }),
    }
}

fn current(value: Option<Quantity>, average_value: Option<Quantity>, utilization: Option<i32>) -> MetricValueStatus {
    MetricValueStatus {
        value,
        average_value,
        average_utilization: utilization,
    }
}

fn status_from_v1(metric: annotations::MetricStatus) -> MetricStatus {
    MetricStatus {
        type_: metric.type_,
        object: metric.object.map(|status| {
            Box::new(ObjectMetricStatus {
                current: current(Some(status.current_value), status.average_value, None),
                described_object: reference_from_v1(status.target),
                metric: identifier(status.metric_name, status.selector),
            })
        }),
        pods: metric.pods.map(|status| {
            Box::new(PodsMetricStatus {
                current: current(None, Some(status.current_average_value), None),
                metric: identifier(status.metric_name, status.selector),
            })
        }),
        resource: metric.resource.map(|status| {
            Box::new(ResourceMetricStatus {
                current: current(
                    None,
                    Some(status.current_average_value),
                    status.current_average_utilization,
                ),
                name: status.name,
            })
        }),
        container_resource: metric.container_resource.map(|status| {
            Box::new(ContainerResourceMetricStatus {
                container: status.container,
                current: current(
                    None,
                    Some(status.current_average_value),
                    status.current_average_utilization,
                ),
                name: status.name,
            })
        }),
        external: metric.external.map(|status| {
            Box::new(ExternalMetricStatus {
                current: current(Some(status.current_value), status.current_average_value, None),
                metric: identifier(status.metric_name, status.metric_selector),
            })
        }),
    }
}

fn condition_to_v1(condition: &HorizontalPodAutoscalerCondition) -> Condition {
    Condition {
        type_: condition.type_.clone(),
        status: condition.status.clone(),
        last_transition_time: condition.last_transition_time,
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    }
}

fn condition_from_v1(condition: Condition) -> HorizontalPodAutoscalerCondition {
    HorizontalPodAutoscalerCondition {
        type_: condition.type_,
        status: condition.status,
        last_transition_time: condition.last_transition_time,
        reason: condition.reason,
        message: condition.message,
    }
}

fn behavior_to_v1(behavior: &HorizontalPodAutoscalerBehavior) -> Behavior {
    let policy = |own: &HPAScalingPolicy| Policy {
        type_: own.type_.clone(),
        value: own.value,
        period_seconds: own.period_seconds,
    };
    let rules = |own: &HPAScalingRules| Rules {
        stabilization_window_seconds: own.stabilization_window_seconds,
        select_policy: own.select_policy.clone(),
        policies: (!own.policies.is_empty()).then(|| own.policies.iter().map(policy).collect()),
        tolerance: own.tolerance.clone(),
    };
    Behavior {
        scale_up: behavior.scale_up.as_deref().map(rules),
        scale_down: behavior.scale_down.as_deref().map(rules),
    }
}

fn behavior_from_v1(behavior: Behavior) -> HorizontalPodAutoscalerBehavior {
    let policy = |own: Policy| HPAScalingPolicy {
        type_: own.type_,
        value: own.value,
        period_seconds: own.period_seconds,
    };
    let rules = |own: Rules| {
        Box::new(HPAScalingRules {
            stabilization_window_seconds: own.stabilization_window_seconds,
            select_policy: own.select_policy,
            policies: own.policies.unwrap_or_default().into_iter().map(policy).collect(),
            tolerance: own.tolerance,
        })
    };
    HorizontalPodAutoscalerBehavior {
        scale_up: behavior.scale_up.map(rules),
        scale_down: behavior.scale_down.map(rules),
    }
}
