//! The codec against serde_json's reading of the same text.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    Kind, List, Map,
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
    pick::Paths,
    rbac::v1::Role,
};

const POD: &str = r#"{ "apiVersion":"v1", "kind":"Pod", "unknown": {"a":[1,{"b":"\""}]},
  "metadata": {"name":"a\u00e9\n", "labels": {"z":"1","a":null}, "creationTimestamp": null,
               "managedFields":[{"fieldsV1": {"f:a" : {} }}]},
  "spec": {"containers":[{"name":"c","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1000m"}}}],
           "hostNetwork": true, "terminationGracePeriodSeconds": 0, "tolerations": [], "nodeSelector": {}, "priority": -5}}"#;

#[test]
fn text_and_dynamic_value_read_alike() {
    let from_text = Pod::from_json(POD.as_bytes()).expect("valid");
    let from_value = Pod::from_value(serde_json::from_str(POD).expect("valid")).expect("valid");
    assert_eq!(from_text, from_value);
    assert_eq!(from_text.metadata.name, "aé\n");
    assert_eq!(
        from_text.metadata.labels,
        Map::from([("a", String::new()), ("z", "1".to_owned())])
    );
    assert_eq!(from_text.spec.termination_grace_period_seconds, Some(0));
    assert_eq!(from_text.spec.priority, Some(-5));
    assert_eq!(from_text.spec.containers[0].resources.limits["cpu"].to_string(), "1");
}

#[test]
fn text_and_dynamic_value_are_written_alike() {
    let pod = Pod::from_json(POD.as_bytes()).expect("valid");
    let text: Value = serde_json::from_slice(&pod.to_json()).expect("valid");
    assert_eq!(text, pod.to_value());
    let head = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"#;
    assert_eq!(String::from_utf8_lossy(&pod.to_json()[..head.len()]), head);
    assert_eq!(text["spec"]["hostNetwork"], json!(true));
    assert_eq!(
        text["spec"].get("tolerations"),
        None,
        "an empty optional list is absent"
    );
    assert_eq!(
        text["spec"]["terminationGracePeriodSeconds"],
        json!(0),
        "a pointer keeps its zero"
    );
    assert_eq!(text["spec"]["containers"][0].get("stdin"), None);
    assert_eq!(text["status"], json!({}), "a struct by value is always written");
    assert_eq!(text["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:a": {}}));
}

#[test]
fn scalars_are_picked_by_their_paths() {
    let pod = Pod::from_json(POD.as_bytes()).expect("valid");
    let paths = [
        &["metadata", "name"][..],
        &["spec", "hostNetwork"],
        &["spec", "priority"],
        &["spec", "nodeName"],
        &["metadata", "labels", "z"],
        &["metadata", "labels"],
        &["spec", "containers", "name"],
        &["spec", "tolerations"],
        &["spec", "terminationGracePeriodSeconds"],
        &["metadata", "creationTimestamp"],
    ];
    let found = pod.pick(&Arc::new(Paths::new(paths)));
    let expected = ["aé\n", "true", "-5", "", "1", "", "", "", "0", ""];
    assert_eq!(found.len(), expected.len());
    for ((path, found), expected) in paths.iter().zip(found).zip(expected) {
        assert_eq!(
            found.as_deref(),
            Some(expected).filter(|text| !text.is_empty()),
            "{path:?}"
        );
    }
}

#[test]
fn required_lists_are_null_when_empty() {
    assert_eq!(Role::default().to_value()["rules"], Value::Null);
    assert_eq!(
        Role::from_value(json!({"rules": null})).expect("null is empty"),
        Role::default()
    );
    let list: List<Role> =
        Role::list_from_json(br#"{"items":[{"rules":[]}],"metadata":{"resourceVersion":"3"}}"#).expect("valid");
    assert_eq!(list.items, [Role::default()]);
    assert_eq!(list.metadata.resource_version, "3");
    let text: Value = serde_json::from_slice(&Role::list_to_json(&List::default())).expect("valid");
    assert_eq!(text["items"], json!([]));
    assert_eq!(
        (text["kind"].as_str(), text["apiVersion"].as_str()),
        (Some("RoleList"), Some("rbac.authorization.k8s.io/v1"))
    );
}

#[test]
fn bytes_and_int_or_string() {
    let map = ConfigMap::from_value(json!({"binaryData": {"k": "AAE="}})).expect("valid");
    assert_eq!(&map.binary_data["k"][..], [0, 1]);
    let deployment = Deployment::from_value(json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}}}));
    let spec = deployment.expect("valid").spec;
    assert_eq!(
        spec.strategy
            .rolling_update
            .expect("set")
            .max_surge
            .expect("set")
            .to_string(),
        "25%"
    );
}

#[test]
fn broken_text_is_refused() {
    let cases: [(&str, &str); 9] = [
        ("", "expected `{`"),
        ("[]", "expected `{`"),
        ("{", "expected a string"),
        (r#"{"metadata""#, "expected `:`"),
        (r#"{"metadata":{}"#, "expected `}`"),
        (r#"{"metadata":{}} x"#, "trailing characters"),
        (r#"{"metadata":{"name":5}}"#, "expected a string"),
        (r#"{"spec":{"containers":{}}}"#, "expected `[`"),
        (
            r#"{"metadata":{"generation":"5"}}"#,
            "invalid type: string \"5\", expected i64",
        ),
    ];
    for (text, expected) in cases {
        let error = Pod::from_json(text.as_bytes()).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let deep = format!(r#"{{"x":{}}}"#, "[".repeat(100_000));
    assert!(Pod::from_json(deep.as_bytes()).is_err());
}

#[test]
fn every_prefix_of_a_document_is_refused_without_panic() {
    for end in 0..POD.len() {
        if POD.is_char_boundary(end) {
            assert!(Pod::from_json(&POD.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
