//! Deployments: defaults and faults.

use k8s_api::{Kind, apps::v1::Deployment};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_status_update, validate_update, warnings_on_create};
use crate::common::testing::{gates, object, stored, template, texts};

fn deployment(changes: &[(&str, Value)]) -> Deployment {
    let mut json = json!({"spec": {
        "selector": {"matchLabels": {"app": "demo"}},
        "template": template("Always"),
    }});
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').expect("a pointer to a member");
        json.pointer_mut(parent).expect("the parent is there")[member] = value.clone();
    }
    let mut deployment = object(json);
    set_defaults(&mut deployment);
    deployment
}

#[test]
fn defaults() {
    let spec = deployment(&[]).to_value()["spec"].take();
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["revisionHistoryLimit"], 10);
    assert_eq!(spec["progressDeadlineSeconds"], 600);
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    let recreate = deployment(&[("/spec/strategy", json!({"type": "Recreate"}))]);
    assert_eq!(recreate.spec.strategy.rolling_update, None);
}

#[test]
fn faults() {
    let cases: &[(&str, Value, &[&str])] = &[
        ("/spec/replicas", json!(2), &[]),
        (
            "/spec/replicas",
            json!(-1),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            "/spec/selector",
            json!({"matchLabels": {"app": "other"}}),
            &[
                r#"spec.template.metadata.labels: Invalid value: {"app":"demo"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            "/spec/selector",
            Value::Null,
            &[
                "spec.selector: Required value",
                r#"spec.template.metadata.labels: Invalid value: {"app":"demo"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            "/spec/selector",
            json!({}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            "/spec/selector",
            json!({"matchExpressions": [{"key": "app", "operator": "Like", "values": ["a"]}]}),
            &[
                r#"spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator"#,
                r#"spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Like","values":["a"]}]}: invalid label selector"#,
            ],
        ),
        (
            "/spec/strategy",
            json!({"type": "Swap"}),
            &[
                r#"spec.strategy: Unsupported value: {"Type":"Swap","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate""#,
            ],
        ),
        (
            "/spec/strategy",
            json!({"type": "Recreate", "rollingUpdate": {}}),
            &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            "/spec/strategy",
            json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
            &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            "/spec/strategy",
            json!({"rollingUpdate": {"maxSurge": "x", "maxUnavailable": "101%"}}),
            &[
                r#"spec.strategy.rollingUpdate.maxSurge: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"#,
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#,
            ],
        ),
        (
            "/spec/progressDeadlineSeconds",
            json!(0),
            &["spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"],
        ),
        (
            "/spec/revisionHistoryLimit",
            json!(-1),
            &["spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            "/spec/template/spec/restartPolicy",
            json!("OnFailure"),
            &[r#"spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always""#],
        ),
        (
            "/spec/template/spec/activeDeadlineSeconds",
            json!(5),
            &[
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
            ],
        ),
    ];
    for (pointer, value, expected) in cases {
        let errors = validate(&deployment(&[(pointer, value.clone())]), &gates());
        assert_eq!(texts(&errors), *expected, "of {pointer} = {value}");
    }
}

#[test]
fn the_selector_stays() {
    let old = stored(deployment(&[]));
    let mut new = old.clone();
    new.spec.selector = deployment(&[(
        "/spec/selector",
        json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
    )])
    .spec
    .selector;
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        [
            r#"spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable"#
        ]
    );
}

#[test]
fn status() {
    let mut old = stored(deployment(&[]));
    old.status.collision_count = Some(2);
    let mut new = old.clone();
    new.status.replicas = 1;
    new.status.ready_replicas = 2;
    new.status.available_replicas = 3;
    new.status.collision_count = None;
    assert_eq!(
        texts(&validate_status_update(&new, &old)),
        [
            "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
            "status.collisionCount: Invalid value: 0: cannot be decremented",
        ]
    );
}

#[test]
fn names_of_pods_are_warned_about() {
    let mut dotted = deployment(&[]);
    dotted.metadata.name = "a.b".into();
    assert_eq!(
        warnings_on_create(&dotted),
        [
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; \
             a DNS label is recommended: [must not contain dots]"
        ]
    );
}
