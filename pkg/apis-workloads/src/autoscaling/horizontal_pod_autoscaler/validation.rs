//! What an autoscaler must be.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::{
    meta::{NameRule, validate_object_meta, validate_object_meta_update},
    rules::{named, one_of},
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpec,
};

use super::metrics;
use crate::common::{METADATA, SPEC, STATUS, nonnegative, required_segment};

const MAX_PERIOD_SECONDS: i32 = 1800;
const MAX_STABILIZATION_WINDOW_SECONDS: i32 = 3600;

/// How strictly the API version of a reference is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReferenceOptions {
    /// The core group will do, which has no name.
    pub(super) empty_group: bool,
    /// Anything will do.
    pub(super) any: bool,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    least_replicas: i32,
    target: ReferenceOptions,
    metrics: ReferenceOptions,
}

impl Options {
    fn new(new: &HorizontalPodAutoscaler, old: Option<&HorizontalPodAutoscaler>, gates: &FeatureGates) -> Self {
        let was_zero = old.is_some_and(|old| old.spec.min_replicas == Some(0));
        let mut options = Self {
            least_replicas: i32::from(!(was_zero || gates.enabled(Feature::HPAScaleToZero))),
            target: ReferenceOptions::default(),
            metrics: ReferenceOptions {
                empty_group: true,
                any: false,
            },
        };
        let target = &new.spec.scale_target_ref;
        let same = |old: &HorizontalPodAutoscaler| {
            let before = &old.spec.scale_target_ref;
            (&before.api_version, &before.kind) == (&target.api_version, &target.kind)
        };
        options.target.any = old.is_some_and(same);
        options.target.empty_group = target.kind == "ReplicationController";
        let lenient = options.metrics;
        options.metrics.any = old.is_some_and(|old| {
            let objects = old.spec.metrics.iter().filter(|metric| metric.type_ == "Object");
            objects
                .filter_map(|metric| metric.object.as_deref())
                .any(|object| api_version_fault(&object.described_object, lenient).is_some())
        });
        options
    }
}

/// Every fault of a new autoscaler.
#[must_use]
pub fn validate(autoscaler: &HorizontalPodAutoscaler, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_object_meta(&autoscaler.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    let options = Options::new(autoscaler, None, gates);
    validate_spec(&autoscaler.spec, options, &mut errors);
    errors
}

/// Every fault of a changed autoscaler.
#[must_use]
pub fn validate_update(
    new: &HorizontalPodAutoscaler,
    old: &HorizontalPodAutoscaler,
    gates: &FeatureGates,
) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&new.spec, Options::new(new, Some(old), gates), &mut errors);
    errors
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &HorizontalPodAutoscaler, old: &HorizontalPodAutoscaler) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let numbers = [
        ("currentReplicas", Some(new.status.current_replicas.into())),
        ("desiredReplicas", Some(new.status.desired_replicas.into())),
    ];
    nonnegative(&STATUS, numbers, &mut errors);
    errors
}

fn validate_spec(spec: &HorizontalPodAutoscalerSpec, options: Options, errors: &mut ErrorList) {
    let least = options.least_replicas;
    if let Some(replicas) = spec.min_replicas.filter(|replicas| *replicas < least) {
        let detail = format!("must be greater than or equal to {least}");
        errors.push(Error::invalid(&SPEC.child("minReplicas"), replicas, detail));
    }
    let most_path = SPEC.child("maxReplicas");
    let most = spec.max_replicas;
    if most == 0 {
        errors.push(Error::required(&most_path, "must be set and greater than 0"));
    } else if most < 0 {
        errors.push(Error::invalid(&most_path, most, "must be greater than or equal to 1"));
    }
    if spec.min_replicas.is_some_and(|least| most < least) {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(Error::invalid(&most_path, most, detail));
    }
    let target_path = SPEC.child("scaleTargetRef");
    validate_reference(&spec.scale_target_ref, options.target, &target_path, errors);
    metrics::validate(
        &spec.metrics,
        spec.min_replicas == Some(0),
        options.metrics,
        &SPEC.child("metrics"),
        errors,
    );
    if let Some(behavior) = &spec.behavior {
        let path = SPEC.child("behavior");
        for (name, rules) in [("scaleUp", &behavior.scale_up), ("scaleDown", &behavior.scale_down)] {
            if let Some(rules) = rules {
                validate_rules(rules, &path.child(name), errors);
            }
        }
    }
}

/// Checks that a reference names an object of some kind.
pub(super) fn validate_reference(
    reference: &CrossVersionObjectReference,
    options: ReferenceOptions,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    required_segment(&path.child("kind"), &reference.kind, errors);
    required_segment(&path.child("name"), &reference.name, errors);
    if let Some(fault) = api_version_fault(reference, options) {
        let path = path.child("apiVersion");
        errors.push(Error::invalid(&path, &reference.api_version, fault));
    }
}

fn api_version_fault(reference: &CrossVersionObjectReference, options: ReferenceOptions) -> Option<String> {
    let version = &reference.api_version;
    if options.any {
        return None;
    }
    match version.matches('/').count() {
        // A lone slash is as good as nothing.
        0 | 1 if !options.empty_group => {
            let group = version.split_once('/').map_or("", |(group, _)| group);
            group.is_empty().then(|| "apiVersion must specify API group".into())
        }
        0 | 1 => None,
        _ => Some(format!("unexpected GroupVersion string: {version}")),
    }
}

fn validate_rules(rules: &HPAScalingRules, path: &Path<'_>, errors: &mut ErrorList) {
    if let Some(window) = rules.stabilization_window_seconds {
        let path = path.child("stabilizationWindowSeconds");
        if window < 0 {
            errors.push(Error::invalid(&path, window, "must be greater than or equal to zero"));
        }
        if window > MAX_STABILIZATION_WINDOW_SECONDS {
            let detail = format!("must be less than or equal to {MAX_STABILIZATION_WINDOW_SECONDS}");
            errors.push(Error::invalid(&path, window, detail));
        }
    }
    if let Some(policy) = &rules.select_policy {
        errors.extend(one_of(&path.child("selectPolicy"), policy, &["Disabled", "Max", "Min"]));
    }
    let policies = path.child("policies");
    if rules.policies.is_empty() {
        errors.push(Error::required(&policies, "must specify at least one Policy"));
    }
    for (index, policy) in rules.policies.iter().enumerate() {
        validate_policy(policy, &policies.index(index), errors);
    }
    if let Some(tolerance) = rules.tolerance.as_ref().filter(|tolerance| tolerance.signum() < 0) {
        let detail = "must be greater than or equal to 0";
        let value = BadValue::from(tolerance.to_string());
        errors.push(Error::invalid(&path.child("tolerance"), value, detail));
    }
}

fn validate_policy(policy: &HPAScalingPolicy, path: &Path<'_>, errors: &mut ErrorList) {
    let supported = ["Percent", "Pods"];
    if !supported.contains(&policy.type_.as_str()) {
        let value = named(&policy.type_);
        errors.push(Error::not_supported(&path.child("type"), value, &supported));
    }
    let period = path.child("periodSeconds");
    for (path, value) in [(&path.child("value"), policy.value), (&period, policy.period_seconds)] {
        errors.extend(apis_pod::rules::positive(path, value.into()));
    }
    if policy.period_seconds > MAX_PERIOD_SECONDS {
        let detail = format!("must be less than or equal to {MAX_PERIOD_SECONDS}");
        errors.push(Error::invalid(&period, policy.period_seconds, detail));
    }
}
