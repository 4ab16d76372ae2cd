//! Disruption budgets: faults.

use k8s_api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use super::{validate, validate_status_update, validate_update};
use crate::common::testing::{object, stored, texts};

fn budget(spec: &Value) -> PodDisruptionBudget {
    object(json!({"spec": spec}))
}

#[test]
fn faults() {
    let cases: &[(Value, &[&str])] = &[
        (json!({"minAvailable": "50%"}), &[]),
        (
            json!({"minAvailable": 1, "maxUnavailable": "5%", "selector": {"matchLabels": {"a": "b"}}}),
            &[
                r#"spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"5%","UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set"#,
            ],
        ),
        (
            json!({"minAvailable": -1}),
            &["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            json!({"maxUnavailable": "101%", "unhealthyPodEvictionPolicy": "Never"}),
            &[
                r#"spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#,
                r#"spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget""#,
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(&validate(&budget(spec))), *expected, "of {spec}");
    }
}

#[test]
fn bad_label_values_may_stay() {
    let bad = json!({"selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["-"]}]}});
    let old = stored(budget(&bad));
    assert_eq!(texts(&validate_update(&old, &old)), [""; 0]);
    assert_eq!(texts(&validate(&old)).len(), 1);
}

#[test]
fn status() {
    let mut new = budget(&json!({}));
    new.status.disruptions_allowed = -1;
    assert_eq!(
        texts(&validate_status_update(&new)),
        ["status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0"]
    );
}
