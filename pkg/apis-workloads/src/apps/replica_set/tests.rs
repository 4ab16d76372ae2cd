//! Replica sets: faults.

use k8s_api::apps::v1::ReplicaSet;
use serde_json::json;

use super::{set_defaults, validate, validate_status_update};
use crate::common::testing::{gates, object, stored, template, texts};

fn replica_set(selector: &serde_json::Value, restart_policy: &str) -> ReplicaSet {
    let mut replica_set = object(json!({"spec": {"selector": selector, "template": template(restart_policy)}}));
    set_defaults(&mut replica_set);
    replica_set
}

#[test]
fn faults() {
    let matching = json!({"matchLabels": {"app": "demo"}});
    assert_eq!(replica_set(&matching, "Always").spec.replicas, Some(1));
    for (selector, policy, expected) in [
        (&matching, "Always", &[][..]),
        (
            &json!({}),
            "Always",
            &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            &matching,
            "Never",
            &[r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#],
        ),
    ] {
        assert_eq!(texts(&validate(&replica_set(selector, policy), &gates())), expected);
    }
}

#[test]
fn status() {
    let old = stored(replica_set(&json!({"matchLabels": {"app": "demo"}}), "Always"));
    let mut new = old.clone();
    new.status.fully_labeled_replicas = 1;
    new.status.observed_generation = -1;
    assert_eq!(
        texts(&validate_status_update(&new, &old)),
        [
            "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            "status.fullyLabeledReplicas: Invalid value: 1: cannot be greater than status.replicas",
        ]
    );
}
