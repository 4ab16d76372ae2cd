//! What the metrics of an autoscaler must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::{resources::validate_container_name, rules::named};
use k8s_api::autoscaling::v2::{
    ContainerResourceMetricSource, ExternalMetricSource, MetricIdentifier, MetricSpec, MetricTarget,
    ObjectMetricSource, PodsMetricSource, ResourceMetricSource,
};

use super::validation::{ReferenceOptions, validate_reference};

const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];

/// Checks metrics; `to_zero` says that they may make the replicas go away altogether.
pub(super) fn validate(
    metrics: &[MetricSpec],
    to_zero: bool,
    options: ReferenceOptions,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    for (index, metric) in metrics.iter().enumerate() {
        validate_metric(metric, options, &path.index(index), errors);
    }
    let outside = |metric: &MetricSpec| matches!(metric.type_.as_str(), "Object" | "External");
    if to_zero && !metrics.iter().any(outside) {
        let detail = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(Error::forbidden(path, detail));
    }
}

fn validate_metric(metric: &MetricSpec, options: ReferenceOptions, path: &Path<'_>, errors: &mut ErrorList) {
    let type_path = path.child("type");
    let known = TYPES.contains(&metric.type_.as_str());
    let unknown = || Error::not_supported(&type_path, named(&metric.type_), &TYPES);
    if metric.type_.is_empty() {
        errors.push(Error::required(&type_path, "must specify a metric source type"));
    }
    if !known {
        errors.push(unknown());
    }
    // Only the first source is looked at, in this order.
    if let Some(source) = &metric.object {
        validate_object(source, options, &path.child("object"), errors);
    } else if let Some(source) = &metric.external {
        validate_external(source, &path.child("external"), errors);
    } else if let Some(source) = &metric.pods {
        validate_pods(source, &path.child("pods"), errors);
    } else if let Some(source) = &metric.resource {
        validate_resource(source, &path.child("resource"), errors);
    } else if let Some(source) = &metric.container_resource {
        validate_container_resource(source, &path.child("containerResource"), errors);
    }
    let sources = [
        ("Object", "object", metric.object.is_some()),
        ("External", "external", metric.external.is_some()),
        ("Pods", "pods", metric.pods.is_some()),
        ("Resource", "resource", metric.resource.is_some()),
        (
            "ContainerResource",
            "containerResource",
            metric.container_resource.is_some(),
        ),
    ];
    let present = sources.iter().filter(|(.., present)| *present).count();
    for (type_, name, is_present) in sources {
        if metric.type_ == type_ && !is_present {
            let detail = "must populate information for the given metric source";
            errors.push(Error::required(&path.child(name), detail));
        }
    }
    if !known {
        errors.push(unknown());
    }
    if present != 1 {
        for (type_, name, is_present) in sources {
            if metric.type_ != type_ && is_present {
                let detail = "must populate the given metric source only";
                errors.push(Error::forbidden(&path.child(name), detail));
            }
        }
    }
}

fn validate_object(source: &ObjectMetricSource, options: ReferenceOptions, path: &Path<'_>, errors: &mut ErrorList) {
    validate_reference(
        &source.described_object,
        options,
        &path.child("describedObject"),
        errors,
    );
    validate_identifier(&source.metric, &path.child("metric"), errors);
    let target_path = path.child("target");
    validate_target(&source.target, &target_path, errors);
    if source.target.value.is_none() && source.target.average_value.is_none() {
        let detail = "must set either a target value or averageValue";
        errors.push(Error::required(&target_path.child("averageValue"), detail));
    }
}

fn validate_external(source: &ExternalMetricSource, path: &Path<'_>, errors: &mut ErrorList) {
    validate_identifier(&source.metric, &path.child("metric"), errors);
    let target_path = path.child("target");
    validate_target(&source.target, &target_path, errors);
    match (&source.target.value, &source.target.average_value) {
        (None, None) => {
            let detail = "must set either a target value for metric or a per-pod target";
            errors.push(Error::required(&target_path.child("averageValue"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target value for metric and a per-pod target";
            errors.push(Error::forbidden(&target_path.child("value"), detail));
        }
        _ => {}
    }
}

fn validate_pods(source: &PodsMetricSource, path: &Path<'_>, errors: &mut ErrorList) {
    validate_identifier(&source.metric, &path.child("metric"), errors);
    let target_path = path.child("target");
    validate_target(&source.target, &target_path, errors);
    if source.target.average_value.is_none() {
        let detail = "must specify a positive target averageValue";
        errors.push(Error::required(&target_path.child("averageValue"), detail));
    }
}

fn validate_resource(source: &ResourceMetricSource, path: &Path<'_>, errors: &mut ErrorList) {
    if source.name.is_empty() {
        errors.push(Error::required(&path.child("name"), "must specify a resource name"));
    }
    validate_resource_target(&source.target, &path.child("target"), errors);
}

fn validate_container_resource(source: &ContainerResourceMetricSource, path: &Path<'_>, errors: &mut ErrorList) {
    let name = path.child("name");
    if source.name.is_empty() {
        errors.push(Error::required(&name, "must specify a resource name"));
    } else {
        errors.append(validate_container_name(&source.name, &name));
    }
    let container = path.child("container");
    if source.container.is_empty() {
        errors.push(Error::required(&container, "must specify a container"));
    } else {
        errors.invalid_each(&container, &source.container, names::dns1123_label(&source.container));
    }
    validate_resource_target(&source.target, &path.child("target"), errors);
}

fn validate_resource_target(target: &MetricTarget, path: &Path<'_>, errors: &mut ErrorList) {
    validate_target(target, path, errors);
    match (&target.average_utilization, &target.average_value) {
        (None, None) => {
            let detail = "must set either a target raw value or a target utilization";
            errors.push(Error::required(&path.child("averageUtilization"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target raw value and a target utilization";
            errors.push(Error::forbidden(&path.child("averageValue"), detail));
        }
        _ => {}
    }
}

fn validate_target(target: &MetricTarget, path: &Path<'_>, errors: &mut ErrorList) {
    let type_path = path.child("type");
    if target.type_.is_empty() {
        errors.push(Error::required(&type_path, "must specify a metric target type"));
    }
    if !matches!(target.type_.as_str(), "Utilization" | "Value" | "AverageValue") {
        let detail = "must be either Utilization, Value, or AverageValue";
        errors.push(Error::invalid(&type_path, named(&target.type_), detail));
    }
    for (name, value) in [("value", &target.value), ("averageValue", &target.average_value)] {
        if let Some(value) = value.as_ref().filter(|value| value.signum() <= 0) {
            errors.push(Error::invalid(
                &path.child(name),
                BadValue::json(value),
                "must be positive",
            ));
        }
    }
    if let Some(utilization) = target.average_utilization.filter(|utilization| *utilization < 1) {
        let path = path.child("averageUtilization");
        errors.push(Error::invalid(&path, utilization, "must be greater than 0"));
    }
}

fn validate_identifier(metric: &MetricIdentifier, path: &Path<'_>, errors: &mut ErrorList) {
    let path = path.child("name");
    if metric.name.is_empty() {
        errors.push(Error::required(&path, "must specify a metric name"));
    } else {
        errors.invalid_each(&path, &metric.name, names::path_segment_name(&metric.name));
    }
}
