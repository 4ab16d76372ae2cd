//! Which faults are found in schemas and levels, and in which words.

use k8s_api::{
    Kind,
    flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration},
};
use serde_json::{Value, json};

use super::*;

fn schema(name: &str, spec: Value) -> FlowSchema {
    let mut schema = FlowSchema::from_value(json!({"metadata": {"name": name}, "spec": spec}))
        .expect("the test's object is well-formed");
    flow_schema::set_defaults(&mut schema);
    schema
}

fn level(name: &str, spec: Value) -> PriorityLevelConfiguration {
    let mut level = PriorityLevelConfiguration::from_value(json!({"metadata": {"name": name}, "spec": spec}))
        .expect("the test's object is well-formed");
    priority_level::set_defaults(&mut level);
    level
}

fn check(errors: &ErrorList, expected: &str) {
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn schemas() {
    let rule = json!({
        "subjects": [{"kind": "User", "user": {"name": "u"}}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
    });
    let spec = |precedence: i32, rule: &Value| json!({"priorityLevelConfiguration": {"name": "catch-all"}, "matchingPrecedence": precedence, "rules": [rule]});
    let good = schema("x", spec(0, &rule));
    assert_eq!(good.spec.matching_precedence, 1000);
    check(&flow_schema::validate(&good), "");
    check(
        &flow_schema::validate(&schema("x", spec(10_001, &rule))),
        "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
    );
    let bad = json!({
        "subjects": [{"kind": "User", "group": {"name": "g"}}],
        "resourceRules": [{"verbs": ["fly"], "apiGroups": ["*", "a"], "resources": ["r"], "namespaces": ["A"]}],
    });
    let errors = flow_schema::validate(&schema("x", spec(2, &bad)));
    let paths: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(
        paths,
        [
            "spec.rules[0].subjects[0].user",
            "spec.rules[0].subjects[0].group",
            "spec.rules[0].resourceRules[0].verbs",
            "spec.rules[0].resourceRules[0].apiGroups",
            "spec.rules[0].resourceRules[0].namespaces[0]",
        ]
    );
}

#[test]
fn the_fixed_schemas() {
    let every = json!(["*"]);
    let rule = json!({
        "subjects": [{"kind": "Group", "group": {"name": "system:masters"}}],
        "resourceRules": [{"verbs": every, "apiGroups": every, "resources": every, "namespaces": every, "clusterScope": true}],
        "nonResourceRules": [{"verbs": every, "nonResourceURLs": every}],
    });
    let spec = |precedence: i32| json!({"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": precedence, "rules": [rule]});
    check(&flow_schema::validate(&schema("exempt", spec(1))), "");
    let errors = flow_schema::validate(&schema("exempt", spec(2))).to_string();
    assert!(
        errors.starts_with(
            "spec: Invalid value: {\"PriorityLevelConfiguration\":{\"Name\":\"exempt\"},\"MatchingPrecedence\":2,"
        ),
        "{errors}"
    );
    assert!(
        errors.ends_with(": spec of 'exempt' must equal the fixed value"),
        "{errors}"
    );
}

#[test]
fn levels() {
    let reject = json!({"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}});
    let good = level("x", reject.clone());
    assert_eq!(
        good.spec
            .limited
            .as_ref()
            .and_then(|limited| limited.nominal_concurrency_shares),
        Some(30)
    );
    check(&priority_level::validate(&good), "");
    check(
        &priority_level::validate(&level(
            "x",
            json!({"type": "Vip", "limited": {"limitResponse": {"type": "Reject"}}}),
        )),
        "spec.type: Unsupported value: \"Vip\": supported values: \"Exempt\", \"Limited\"",
    );
    let queue = json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 1024, "handSize": 8}}}});
    check(
        &priority_level::validate(&level("x", queue)),
        "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60",
    );
    let errors = priority_level::validate(&level("catch-all", reject)).to_string();
    assert!(
        errors.ends_with(": spec of 'catch-all' must equal the fixed value"),
        "{errors}"
    );
}
