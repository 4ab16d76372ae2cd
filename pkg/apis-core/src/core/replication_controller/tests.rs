//! Defaults and faults of replication controllers, word for word.

use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::ReplicationController};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_status_update, validate_update, warnings};

fn controller(spec: Value) -> ReplicationController {
    let mut value = json!({
        "metadata": {"name": "rc", "namespace": "default", "resourceVersion": "1"},
        "spec": {"template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }},
    });
    let members = value["spec"].as_object_mut().expect("an object");
    members.extend(spec.as_object().expect("an object").clone());
    let mut controller = ReplicationController::from_value(value).expect("a controller");
    set_defaults(&mut controller);
    controller
}

#[test]
fn labels_and_selector_are_those_of_the_pods() {
    let controller = controller(json!({}));
    assert_eq!(controller.spec.replicas, Some(1));
    assert_eq!(controller.spec.selector["app"], "a");
    assert_eq!(controller.metadata.labels["app"], "a");
    let template = controller.spec.template.expect("given");
    assert_eq!(template.spec.restart_policy, "Always");
}

#[test]
fn faults() {
    let gates = FeatureGates::default();
    let template = |spec: Value| {
        let mut pod = json!({"containers": [{"name": "c", "image": "i"}]});
        pod.as_object_mut()
            .expect("an object")
            .extend(spec.as_object().expect("an object").clone());
        json!({"metadata": {"labels": {"app": "a"}}, "spec": pod})
    };
    let cases = [
        (json!({}), ""),
        (
            json!({"template": null}),
            "[spec.selector: Required value, spec.template: Required value]",
        ),
        (
            json!({"minReadySeconds": -1, "replicas": -2}),
            "[spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0, spec.replicas: Invalid value: -2: must be greater than or equal to 0]",
        ),
        (
            json!({"selector": {"app": "b"}}),
            r#"spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`"#,
        ),
        (
            json!({"template": template(json!({"restartPolicy": "Never", "activeDeadlineSeconds": 5}))}),
            r#"[spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always", spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported]"#,
        ),
    ];
    for (spec, text) in cases {
        assert_eq!(validate(&controller(spec), &gates).to_string(), text);
    }
}

#[test]
fn what_could_not_be_converted_stays() {
    let gates = FeatureGates::default();
    let mut old = controller(json!({"selector": {"app": "a"}}));
    let annotations = &mut old.metadata.annotations;
    annotations.insert("non-convertible.kubernetes.io/selector", "x".to_owned());
    annotations.insert("non-convertible.kubernetes.io/other", "y".to_owned());
    let mut new = controller(json!({"selector": {}}));
    new.spec.selector.clear();
    assert_eq!(
        validate_update(&new, &old, &gates).to_string(),
        r#"[spec.selector: Required value, other: Not found: "y": unknown non-convertible field, spec.selector: Invalid value: null: cannot update non-convertible selector]"#
    );
}

#[test]
fn status_updates() {
    let old = controller(json!({}));
    let mut new = old.clone();
    new.status.replicas = 1;
    new.status.ready_replicas = 2;
    new.status.available_replicas = 3;
    new.status.observed_generation = -1;
    assert_eq!(
        validate_status_update(&new, &old).to_string(),
        "[status.observedGeneration: Invalid value: -1: must be greater than or equal to 0, \
         status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas, \
         status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas, \
         status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas]"
    );
}

#[test]
fn names_that_hosts_cannot_have_are_warned_about() {
    let mut controller = controller(json!({}));
    "a.b".clone_into(&mut controller.metadata.name);
    assert_eq!(
        warnings(&controller)[0],
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
    );
}
