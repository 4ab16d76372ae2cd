//! Which faults are found in reviews, and in which words.

use k8s_api::Kind;
use serde_json::{Value, json};

use super::*;

fn read<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("the test's object is well-formed")
}

#[test]
fn reviews() {
    let check = |value: Value, expected: &str| {
        assert_eq!(validate_subject_access_review(&read(value)).to_string(), expected);
    };
    check(
        json!({"spec": {"user": "u", "resourceAttributes": {"verb": "get"}}}),
        "",
    );
    check(
        json!({"metadata": {"name": "x"}, "spec": {}}),
        "[spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: \"\": at least one of user or group must be specified, metadata: Invalid value: {\"name\":\"x\"}: must be empty]",
    );
    check(
        json!({"spec": {"user": "u", "resourceAttributes": {}, "nonResourceAttributes": {"path": "/x", "verb": "get"}}}),
        "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: cannot be specified in combination with resourceAttributes",
    );
    check(
        json!({"spec": {"user": "u", "resourceAttributes": {"labelSelector": {}}}}),
        "spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required",
    );
    check(
        json!({"spec": {"user": "u", "resourceAttributes": {"fieldSelector": {"requirements": [{"key": "", "operator": "New"}]}}}}),
        "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
    );
}

#[test]
fn local_reviews_stay_in_their_namespace() {
    let review =
        json!({"metadata": {"namespace": "a"}, "spec": {"user": "u", "resourceAttributes": {"namespace": "b"}}});
    assert_eq!(
        validate_local_subject_access_review(&read(review)).to_string(),
        "spec.resourceAttributes.namespace: Invalid value: \"b\": must match metadata.namespace"
    );
}
