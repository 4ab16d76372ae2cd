//! Daemon sets: defaults, faults, the generation of the template.

use k8s_api::{Kind, apps::v1::DaemonSet};
use serde_json::{Value, json};

use super::{set_defaults, set_template_generation, template_generation, validate, validate_update};
use crate::common::testing::{gates, object, stored, template, texts};

fn daemon_set(members: &Value) -> DaemonSet {
    let mut json = json!({"spec": {
        "selector": {"matchLabels": {"app": "demo"}},
        "template": template("Always"),
    }});
    for (name, value) in members.as_object().expect("members of the spec") {
        json["spec"][name] = value.clone();
    }
    let mut daemon_set = object(json);
    set_defaults(&mut daemon_set);
    daemon_set
}

#[test]
fn defaults() {
    let value = daemon_set(&json!({})).to_value();
    assert_eq!(
        value["spec"]["updateStrategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
    );
    assert_eq!(value["spec"]["revisionHistoryLimit"], 10);
    assert_eq!(
        value["metadata"]["annotations"],
        json!({"deprecated.daemonset.template.generation": "0"})
    );
}

#[test]
fn faults() {
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (
            json!({"selector": null}),
            &[
                r#"spec.template.metadata.labels: Invalid value: {"app":"demo"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"selector": {}}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
        ),
        (
            json!({"updateStrategy": {"type": "Swap"}}),
            &[
                r#"spec.updateStrategy: Unsupported value: {"Type":"Swap","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete""#,
            ],
        ),
        (
            json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}),
            &["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
        ),
        (
            json!({"updateStrategy": {"rollingUpdate": {"maxSurge": "10%"}}}),
            &[
                r#"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero"#,
            ],
        ),
        (
            json!({"template": template("OnFailure")}),
            &[r#"spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always""#],
        ),
        (
            json!({"minReadySeconds": -1, "revisionHistoryLimit": -1}),
            &[
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(
            texts(&validate(&daemon_set(members), &gates())),
            *expected,
            "of {members}"
        );
    }
}

#[test]
fn the_generation_follows_the_template() {
    let mut old = stored(daemon_set(&json!({})));
    set_template_generation(&mut old, 3);
    assert_eq!(template_generation(&old), 3);
    let mut new = old.clone();
    new.spec.template.spec.containers[0].image = "registry.example/demo:2".into();
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        ["spec.templateGeneration: Invalid value: 3: must be incremented upon template update"]
    );
    set_template_generation(&mut new, 4);
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
}
