//! Members of a job as errors show them.

use apimachinery::field::BadValue;
use apis_core::GoValue;
use k8s_api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule, SuccessPolicy, SuccessPolicyRule, UncountedTerminatedPods,
};

fn numbers(values: &[i32]) -> GoValue {
    GoValue::List(values.iter().map(|value| (*value).into()).collect())
}

fn exit_codes(requirement: &PodFailurePolicyOnExitCodesRequirement) -> GoValue {
    GoValue::object([
        ("ContainerName", (&requirement.container_name).into()),
        ("Operator", (&requirement.operator).into()),
        ("Values", numbers(&requirement.values)),
    ])
}

fn pod_condition(pattern: &PodFailurePolicyOnPodConditionsPattern) -> GoValue {
    GoValue::object([("Type", (&pattern.type_).into()), ("Status", (&pattern.status).into())])
}

fn failure_rule(rule: &PodFailurePolicyRule) -> GoValue {
    GoValue::object([
        ("Action", (&rule.action).into()),
        (
            "OnExitCodes",
            GoValue::pointer(rule.on_exit_codes.as_deref(), exit_codes),
        ),
        ("OnPodConditions", GoValue::list(&rule.on_pod_conditions, pod_condition)),
    ])
}

fn success_rule(rule: &SuccessPolicyRule) -> GoValue {
    GoValue::object([
        ("SucceededIndexes", (&rule.succeeded_indexes).into()),
        ("SucceededCount", (&rule.succeeded_count).into()),
    ])
}

pub(super) fn pod_failure_policy(policy: &Option<Box<PodFailurePolicy>>) -> BadValue {
    let show = |policy: &PodFailurePolicy| GoValue::object([("Rules", GoValue::list(&policy.rules, failure_rule))]);
    GoValue::pointer(policy.as_deref(), show).bad_value()
}

pub(super) fn success_policy(policy: &Option<Box<SuccessPolicy>>) -> BadValue {
    let show = |policy: &SuccessPolicy| GoValue::object([("Rules", GoValue::list(&policy.rules, success_rule))]);
    GoValue::pointer(policy.as_deref(), show).bad_value()
}

pub(super) fn uncounted_pods(pods: &UncountedTerminatedPods) -> BadValue {
    GoValue::object([
        ("Succeeded", (&pods.succeeded).into()),
        ("Failed", (&pods.failed).into()),
    ])
    .bad_value()
}

pub(super) fn exit_code_values(values: &[i32]) -> BadValue {
    numbers(values).bad_value()
}
