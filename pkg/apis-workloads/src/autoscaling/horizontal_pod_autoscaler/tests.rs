//! Autoscalers: defaults, faults, and the way between the versions.

use k8s_api::{
    Kind,
    autoscaling::{v1, v2::HorizontalPodAutoscaler},
};
use serde_json::{Value, json};

use super::{
    drop_disabled_fields, from_v1, set_defaults, set_defaults_v1, to_v1, validate, validate_status_update,
    validate_update,
};
use crate::common::testing::{gates, gates_with, object, stored, texts};

fn autoscaler(members: &Value) -> HorizontalPodAutoscaler {
    let mut json = json!({"spec": {
        "maxReplicas": 4,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"},
    }});
    for (name, value) in members.as_object().expect("members of the spec") {
        json["spec"][name] = value.clone();
    }
    let mut autoscaler = object(json);
    set_defaults(&mut autoscaler);
    autoscaler
}

#[test]
fn defaults() {
    let spec = autoscaler(&json!({"behavior": {"scaleDown": {"selectPolicy": "Min"}}})).to_value()["spec"].take();
    assert_eq!(spec["minReplicas"], 1);
    assert_eq!(
        spec["metrics"],
        json!([{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
        }}])
    );
    assert_eq!(
        spec["behavior"],
        json!({
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                ],
            },
            "scaleDown": {
                "selectPolicy": "Min",
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
            },
        })
    );
}

#[test]
fn faults() {
    let metric = |metric: Value| json!({"metrics": [metric]});
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (
            json!({"maxReplicas": 0}),
            &[
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
            ],
        ),
        (
            json!({"minReplicas": 0}),
            &[
                "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
            ],
        ),
        (
            json!({"scaleTargetRef": {"kind": "", "name": "a/b"}}),
            &[
                "spec.scaleTargetRef.kind: Required value",
                r#"spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/'"#,
                r#"spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group"#,
            ],
        ),
        (
            json!({"scaleTargetRef": {"kind": "ReplicationController", "name": "a", "apiVersion": "v1"}}),
            &[],
        ),
        (
            json!({"scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "a/b/c"}}),
            &[r#"spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#],
        ),
        (
            json!({"behavior": {"scaleUp": {
                "stabilizationWindowSeconds": 4000,
                "selectPolicy": "Some",
                "policies": [{"type": "Apples", "value": 0, "periodSeconds": 9999}],
                "tolerance": "-1",
            }}}),
            &[
                "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600",
                r#"spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min""#,
                r#"spec.behavior.scaleUp.policies[0].type: Unsupported value: "Apples": supported values: "Percent", "Pods""#,
                "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 9999: must be less than or equal to 1800",
                r#"spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0"#,
            ],
        ),
        (
            metric(json!({"type": "Resource"})),
            &["spec.metrics[0].resource: Required value: must populate information for the given metric source"],
        ),
        (
            metric(json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}})),
            &[
                "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
            ],
        ),
        (
            metric(json!({"type": "Magic"})),
            &[
                r#"spec.metrics[0].type: Unsupported value: "Magic": supported values: "ContainerResource", "External", "Object", "Pods", "Resource""#,
                r#"spec.metrics[0].type: Unsupported value: "Magic": supported values: "ContainerResource", "External", "Object", "Pods", "Resource""#,
            ],
        ),
        (
            metric(json!({
                "type": "External",
                "external": {"metric": {"name": ""}, "target": {"type": "x", "value": "0", "averageValue": "1"}},
                "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue"}},
            })),
            &[
                "spec.metrics[0].external.metric.name: Required value: must specify a metric name",
                r#"spec.metrics[0].external.target.type: Invalid value: "x": must be either Utilization, Value, or AverageValue"#,
                r#"spec.metrics[0].external.target.value: Invalid value: "0": must be positive"#,
                "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target",
                "spec.metrics[0].pods: Forbidden: must populate the given metric source only",
            ],
        ),
        (
            metric(json!({"type": "ContainerResource", "containerResource": {
                "name": "apples", "container": "-", "target": {"type": "Utilization", "averageUtilization": 0},
            }})),
            &[
                r#"spec.metrics[0].containerResource.name: Invalid value: "apples": must be a standard resource type or fully qualified"#,
                r#"spec.metrics[0].containerResource.name: Invalid value: "apples": must be a standard resource for containers"#,
                "spec.metrics[0].containerResource.container: Invalid value: \"-\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                "spec.metrics[0].containerResource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(
            texts(&validate(&autoscaler(members), &gates())),
            *expected,
            "of {members}"
        );
    }
}

#[test]
fn what_is_there_may_stay() {
    let zero = json!({"minReplicas": 0, "scaleTargetRef": {"kind": "Deployment", "name": "demo"}, "metrics": [
        {"type": "Object", "object": {
            "describedObject": {"kind": "Service", "name": "s", "apiVersion": "a/b/c"},
            "metric": {"name": "q"},
            "target": {"type": "Value", "value": "1"},
        }},
    ]});
    let old = stored(autoscaler(&zero));
    let new = old.clone();
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
    let mut new = new;
    new.status.current_replicas = -1;
    assert_eq!(
        texts(&validate_status_update(&new, &old)),
        ["status.currentReplicas: Invalid value: -1: must be greater than or equal to 0"]
    );
}

#[test]
fn tolerance_is_behind_a_gate() {
    let mut new = autoscaler(&json!({"behavior": {"scaleUp": {"tolerance": "100m"}}}));
    let old = new.clone();
    let off = gates_with("HPAConfigurableTolerance=false");
    drop_disabled_fields(&mut new, Some(&old), &off);
    assert_eq!(new, old);
    drop_disabled_fields(&mut new, None, &off);
    let behavior = new.spec.behavior.expect("the rest stays");
    assert_eq!(behavior.scale_up.expect("the rest stays").tolerance, None);
}

#[test]
fn v1_implies_a_metric() {
    let v1 = |spec: Value| -> v1::HorizontalPodAutoscaler {
        let mut autoscaler = object(json!({"spec": spec}));
        set_defaults_v1(&mut autoscaler);
        autoscaler
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
    let implied = from_v1(v1(json!({"maxReplicas": 2, "scaleTargetRef": target})));
    assert_eq!(to_v1(&implied).spec.target_cpu_utilization_percentage, Some(80));
    let explicit = v1(json!({"maxReplicas": 2, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 55}));
    let hub = from_v1(explicit.clone());
    assert_eq!(
        hub.to_value()["spec"]["metrics"],
        json!([{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 55},
        }}])
    );
    assert_eq!(to_v1(&hub), explicit);
}

#[test]
fn nothing_is_lost_in_v1() {
    let mut hub = autoscaler(&json!({
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
            {"type": "Pods", "pods": {
                "metric": {"name": "q<1>", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "AverageValue", "averageValue": "10"},
            }},
            {"type": "Object", "object": {
                "describedObject": {"kind": "Service", "name": "s", "apiVersion": "v1"},
                "metric": {"name": "hits"},
                "target": {"type": "AverageValue", "averageValue": "5"},
            }},
        ],
        "behavior": {"scaleUp": {"tolerance": "100m"}},
    }));
    hub.metadata.annotations.insert("kept", "yes".to_owned());
    let status: HorizontalPodAutoscaler = object(json!({"status": {
        "currentReplicas": 1,
        "desiredReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": {
            "name": "cpu", "current": {"averageUtilization": 33, "averageValue": "100m"},
        }}],
        "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}],
    }}));
    hub.status = status.status;
    let v1 = to_v1(&hub);
    assert_eq!(v1.spec.target_cpu_utilization_percentage, Some(60));
    assert_eq!(v1.status.current_cpu_utilization_percentage, Some(33));
    let annotations = &v1.metadata.annotations;
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/metrics"],
        r#"[{"type":"Pods","pods":{"metricName":"q\u003c1\u003e","targetAverageValue":"10","selector":{"matchLabels":{"a":"b"}}}},{"type":"Object","object":{"target":{"kind":"Service","name":"s","apiVersion":"v1"},"metricName":"hits","targetValue":"0","averageValue":"5"}}]"#
    );
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/current-metrics"],
        r#"[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":33,"currentAverageValue":"100m"}}]"#
    );
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/conditions"],
        r#"[{"type":"AbleToScale","status":"True","lastTransitionTime":"2024-01-01T00:00:00Z"}]"#
    );
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/behavior"],
        r#"{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":"100m"},"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}"#
    );
    assert_eq!(annotations["kept"], "yes");
    // The metric of v1 comes last on the way back.
    let mut expected = hub;
    expected.spec.metrics.rotate_left(1);
    assert_eq!(from_v1(v1), expected);
}
