//! Faults of resource quotas, word for word.

use k8s_api::{Kind, core::v1::ResourceQuota};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings};

fn quota(spec: Value) -> ResourceQuota {
    let metadata = json!({"name": "demo", "namespace": "default", "resourceVersion": "1"});
    let mut quota = ResourceQuota::from_value(json!({"metadata": metadata, "spec": spec})).expect("a quota");
    set_defaults(&mut quota);
    quota
}

#[test]
fn faults() {
    let cases = [
        (
            json!({"hard": {"pods": "3", "requests.nvidia.com/gpu": "1", "count/jobs.batch": "2"}}),
            "",
        ),
        (
            json!({"hard": {"books": "1", "storage": "1Gi"}}),
            r#"[spec.hard[books]: Invalid value: "books": must be a standard resource type or fully qualified, spec.hard[books]: Invalid value: "books": must be a standard resource for quota, spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota]"#,
        ),
        (
            json!({"hard": {"pods": "1500m", "cpu": "-1"}}),
            r#"[spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0, spec.hard[pods]: Invalid value: "1500m": must be an integer]"#,
        ),
        (
            json!({"scopes": ["Terminating", "NotTerminating"]}),
            r#"spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes"#,
        ),
        (
            json!({"hard": {"cpu": "1"}, "scopes": ["BestEffort", "Some"]}),
            r#"[spec.scopes: Invalid value: ["BestEffort","Some"]: unsupported scope applied to resource, spec.scopes: Invalid value: ["BestEffort","Some"]: unsupported scope]"#,
        ),
        (
            json!({"hard": {"secrets": "1"}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}}),
            r#"[spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"PriorityClass","Operator":"In","Values":null}]}: unsupported scope applied to resource, spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector]"#,
        ),
        (
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Is"}]}}),
            r#"spec.scopeSelector.matchExpressions.operator: Invalid value: "Is": not a valid selector operator"#,
        ),
    ];
    for (spec, text) in cases {
        assert_eq!(validate(&quota(spec)).to_string(), text);
    }
}

#[test]
fn scopes_stay() {
    let old = quota(json!({"scopes": ["BestEffort"]}));
    assert_eq!(
        validate_update(&quota(json!({})), &old).to_string(),
        "spec.scopes: Invalid value: null: field is immutable"
    );
}

#[test]
fn requests_above_limits_are_warned_about() {
    assert_eq!(
        warnings(&quota(
            json!({"hard": {"cpu": "3", "limits.cpu": "2", "requests.memory": "1", "limits.memory": "2"}})
        )),
        ["ResourceQuota cpu (3) should be less than limits.cpu (2)"]
    );
}
