//! The metrics of an autoscaler in one cell: what is, and what is aimed at.

use k8s_api::{
    autoscaling::v2::{MetricSpec, MetricStatus, MetricTarget, MetricValueStatus},
    primitives::Quantity,
};

use crate::printing::{NONE, UNKNOWN};

/// How many metrics are spelled out.
const MOST: usize = 2;

/// `10/50 (avg), cpu: 3%/80% + 1 more...`
pub(super) fn format(specs: &[MetricSpec], statuses: &[MetricStatus]) -> String {
    if specs.is_empty() {
        return NONE.into();
    }
    let shown: Vec<_> = specs
        .iter()
        .enumerate()
        .take(MOST)
        .map(|(index, spec)| metric(spec, statuses.get(index)))
        .collect();
    let text = shown.join(", ");
    match specs.len().checked_sub(MOST) {
        None | Some(0) => text,
        Some(more) => format!("{text} + {more} more..."),
    }
}

fn metric(spec: &MetricSpec, status: Option<&MetricStatus>) -> String {
    match spec.type_.as_str() {
        "External" => {
            let current = status.and_then(|status| status.external.as_deref());
            spec.external
                .as_deref()
                .map(|source| value(&source.target, current.map(|own| &own.current)))
        }
        "Object" => {
            let current = status.and_then(|status| status.object.as_deref());
            spec.object
                .as_deref()
                .map(|source| value(&source.target, current.map(|own| &own.current)))
        }
        "Pods" => {
            let current = status.and_then(|status| status.pods.as_deref());
            spec.pods.as_deref().map(|source| {
                let current = current.map(|own| &own.current);
                format!(
                    "{}/{}",
                    average(current),
                    quantity(source.target.average_value.as_ref())
                )
            })
        }
        "Resource" => {
            let current = status.and_then(|status| status.resource.as_deref());
            let current = current.map(|own| &own.current);
            spec.resource
                .as_deref()
                .map(|source| resource(&source.name, &source.target, current))
        }
        "ContainerResource" => {
            let current = status.and_then(|status| status.container_resource.as_deref());
            let current = current.map(|own| &own.current);
            let source = spec.container_resource.as_deref();
            source.map(|source| resource(&source.name, &source.target, current))
        }
        _ => None,
    }
    .unwrap_or_else(|| "<unknown type>".into())
}

/// A quantity that is there in every valid object.
fn quantity(value: Option<&Quantity>) -> String {
    value.map_or_else(|| "<nil>".into(), ToString::to_string)
}

fn average(current: Option<&MetricValueStatus>) -> String {
    let value = current.and_then(|current| current.average_value.as_ref());
    value.map_or_else(|| UNKNOWN.into(), ToString::to_string)
}

fn value(target: &MetricTarget, current: Option<&MetricValueStatus>) -> String {
    if let Some(target) = &target.average_value {
        return format!("{}/{target} (avg)", average(current));
    }
    let current = current.map_or_else(|| UNKNOWN.into(), |current| quantity(current.value.as_ref()));
    format!("{current}/{}", quantity(target.value.as_ref()))
}

fn resource(name: &str, target: &MetricTarget, current: Option<&MetricValueStatus>) -> String {
    if let Some(target) = &target.average_value {
        return format!("{name}: {}/{target}", average(current));
    }
    let percent = |share: Option<i32>, absent: &str| share.map_or_else(|| absent.into(), |share| format!("{share}%"));
    let current = percent(current.and_then(|current| current.average_utilization), UNKNOWN);
    format!("{name}: {current}/{}", percent(target.average_utilization, "<auto>"))
}
