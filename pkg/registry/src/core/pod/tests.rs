//! Who may change what of a pod, and how it is shown.

use apiserver::registry::Strategy as _;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    core::v1::{Binding, Pod},
    meta::v1::DeleteOptions,
};
use serde_json::{Value, json};

use super::*;
use crate::core::tests::{noon, object, with_context};

const PODS: PodStrategy = PodStrategy { allow_privileged: true };

fn pod(spec: Value, status: Value) -> Pod {
    let mut pod = object(json!({"metadata": {"name": "p", "namespace": "n"}, "spec": spec, "status": status}));
    apis_pod::pod::set_pod_defaults(&mut pod);
    pod
}

fn shown(pod: &Pod) -> Value {
    json!(row(pod, noon())[1..4])
}

#[test]
fn a_new_pod_is_pending() {
    let mut new = pod(
        json!({"containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": "1"}}}], "schedulingGates": [{"name": "g"}]}),
        json!({"phase": "Running", "podIP": "10.0.0.1"}),
    );
    new.metadata.generation = 7;
    with_context("", |context| PODS.prepare_for_create(context, &mut new));
    assert_eq!(new.metadata.generation, 1);
    let expected: Pod = object(json!({"status": {
        "phase": "Pending", "qosClass": "Burstable", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastTransitionTime": "2026-01-02T12:00:00Z",
        }],
    }}));
    assert_eq!(new.status, expected.status);
}

#[test]
fn annotations_and_label_keys_become_fields() {
    let mut new = pod(
        json!({
            "containers": [{"name": "a", "image": "a"}],
            "topologySpreadConstraints": [{"topologyKey": "z", "labelSelector": {}, "matchLabelKeys": ["k", "absent"]}],
        }),
        json!({}),
    );
    new.metadata.labels.insert("k", "v".to_owned());
    new.metadata.annotations.insert(
        "container.apparmor.security.beta.kubernetes.io/a",
        "localhost/x".to_owned(),
    );
    let warnings = with_context("", |context| {
        PODS.prepare_for_create(context, &mut new);
        PODS.warnings_on_create(context, &new)
    });
    let context = new.spec.containers[0].security_context.as_ref().expect("a context");
    let profile = context.app_armor_profile.as_ref().expect("a profile");
    assert_eq!(
        (profile.type_.as_str(), profile.localhost_profile.as_deref()),
        ("Localhost", Some("x"))
    );
    let selector = new.spec.topology_spread_constraints[0]
        .label_selector
        .as_ref()
        .expect("a selector");
    assert_eq!(selector.match_expressions.len(), 1);
    assert_eq!(selector.match_expressions[0].values, ["v"]);
    assert_eq!(
        warnings,
        [
            r#"metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: deprecated since v1.30; use the "appArmorProfile" field instead"#
        ]
    );
}

#[test]
fn each_endpoint_changes_its_part() {
    let mut old = pod(
        json!({"containers": [{"name": "a", "image": "a:1"}]}),
        json!({"qosClass": "BestEffort"}),
    );
    old.metadata.generation = 1;
    let mut new = pod(
        json!({
            "containers": [{"name": "a", "image": "a:2", "resources": {"requests": {"cpu": "1"}}}],
            "ephemeralContainers": [{"name": "e", "image": "e:1"}],
        }),
        json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}),
    );
    new.metadata.generation = 1;
    with_context("", |context| {
        let mut changed = new.clone();
        PODS.prepare_for_update(context, &mut changed, &old);
        assert_eq!((changed.metadata.generation, &changed.status), (2, &old.status));
        assert_eq!(changed.spec, new.spec);

        let mut changed = new.clone();
        StatusStrategy(PODS).prepare_for_update(context, &mut changed, &old);
        assert_eq!((changed.metadata.generation, &changed.spec), (1, &old.spec));
        assert_eq!(
            (changed.status.qos_class.as_str(), changed.status.pod_ip.as_str()),
            ("BestEffort", "10.0.0.1")
        );

        let mut changed = new.clone();
        EphemeralContainersStrategy(PODS).prepare_for_update(context, &mut changed, &old);
        assert_eq!(changed.spec.containers, old.spec.containers);
        assert_eq!(changed.spec.ephemeral_containers, new.spec.ephemeral_containers);
        assert_eq!(changed.metadata.generation, 2);

        let mut changed = new.clone();
        ResizeStrategy(PODS).prepare_for_update(context, &mut changed, &old);
        assert_eq!(changed.spec.containers[0].image, "a:1");
        assert_eq!(changed.spec.containers[0].resources, new.spec.containers[0].resources);
        assert!(changed.spec.ephemeral_containers.is_empty());
        assert_eq!(changed.status, old.status);
    });
}

#[test]
fn observed_generations_are_kept() {
    let condition = |generation: i64| json!({"type": "Ready", "status": "True", "observedGeneration": generation});
    let old = pod(
        json!({}),
        json!({"observedGeneration": 3, "conditions": [condition(2), condition(3)]}),
    );
    let mut new = pod(
        json!({}),
        json!({"conditions": [condition(0), condition(4), condition(0)]}),
    );
    with_context("", |context| {
        StatusStrategy(PODS).prepare_for_update(context, &mut new, &old)
    });
    assert_eq!(new.status.observed_generation, 3);
    let generations: Vec<i64> = new.status.conditions.iter().map(|c| c.observed_generation).collect();
    assert_eq!(generations, [2, 4, 0]);
}

#[test]
fn grace_periods() {
    let scheduled = |phase: &str, seconds: i64| {
        pod(
            json!({"nodeName": "n", "terminationGracePeriodSeconds": seconds}),
            json!({"phase": phase}),
        )
    };
    let asked = |seconds: i64| DeleteOptions {
        grace_period_seconds: Some(seconds),
        ..DeleteOptions::default()
    };
    let none = DeleteOptions::default();
    for (mut pod, options, expected) in [
        (pod(json!({}), json!({})), asked(10), 0),
        (scheduled("Running", 40), none.clone(), 40),
        (scheduled("Running", 40), asked(10), 10),
        (scheduled("Running", 40), asked(-5), 1),
        (scheduled("Succeeded", 40), asked(10), 0),
    ] {
        let grace = with_context("", |context| PODS.check_graceful_delete(context, &mut pod, &options));
        assert_eq!(grace, Some(expected));
    }
}

#[test]
fn binding() {
    let gates = FeatureGates::default();
    let target: Binding = object(json!({"metadata": {"annotations": {"a": "b"}}, "target": {"name": "node"}}));
    let mut free = pod(json!({}), json!({"nominatedNodeName": "other"}));
    assert_eq!(bind(&mut free, &target, &gates, noon()), Ok(()));
    assert_eq!(free.spec.node_name, "node");
    assert_eq!(free.metadata.annotations["a"], "b");
    assert_eq!(free.status.nominated_node_name, "");
    assert_eq!(free.status.conditions[0].status, "True");
    let refused = |pod: &mut Pod| bind(pod, &target, &gates, noon()).map_err(|error| error.to_string());
    assert_eq!(
        refused(&mut free),
        Err(r#"pod p is already assigned to node "node""#.into())
    );
    let mut gated = pod(json!({"schedulingGates": [{"name": "g"}]}), json!({}));
    assert_eq!(
        refused(&mut gated),
        Err("pod p has non-empty .spec.schedulingGates".into())
    );
    let mut deleting = pod(json!({}), json!({}));
    deleting.metadata.deletion_timestamp = Some(noon().into());
    assert_eq!(
        refused(&mut deleting),
        Err("pod p is being deleted, cannot be assigned to a host".into())
    );
}

#[test]
fn rows() {
    let two = json!({"containers": [{"name": "a"}, {"name": "b"}]});
    let cases = [
        (two.clone(), json!({"phase": "Pending"}), json!(["0/2", "Pending", "0"])),
        (
            two.clone(),
            json!({"phase": "Failed", "reason": "Evicted"}),
            json!(["0/2", "Evicted", "0"]),
        ),
        (
            two.clone(),
            json!({"phase": "Running", "containerStatuses": [
                {"name": "a", "ready": true, "restartCount": 2, "state": {"running": {}},
                 "lastState": {"terminated": {"finishedAt": "2026-01-02T11:00:00Z"}}},
                {"name": "b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3},
            ]}),
            json!(["1/2", "CrashLoopBackOff", "5 (60m ago)"]),
        ),
        (
            two.clone(),
            json!({"phase": "Failed", "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 3}}}]}),
            json!(["0/2", "ExitCode:3", "0"]),
        ),
        (
            two,
            json!({"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"reason": "Completed"}}},
                {"name": "b", "ready": true, "state": {"running": {}}},
            ]}),
            json!(["1/2", "NotReady", "0"]),
        ),
        (
            json!({"containers": [{"name": "a"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]}),
            json!({"phase": "Pending", "initContainerStatuses": [
                {"name": "s", "started": true, "ready": true, "state": {"running": {}}},
                {"name": "i", "state": {"running": {}}},
            ]}),
            json!(["1/2", "Init:1/2", "0"]),
        ),
    ];
    for (spec, status, expected) in cases {
        assert_eq!(shown(&pod(spec, status)), expected);
    }
    let mut deleting = pod(
        json!({"readinessGates": [{"conditionType": "a/b"}]}),
        json!({"phase": "Running"}),
    );
    deleting.metadata.deletion_timestamp = Some(noon().into());
    let cells = row(&deleting, noon());
    assert_eq!(
        json!(cells[2..]),
        json!(["Terminating", "0", "<unknown>", "<none>", "<none>", "<none>", "0/1"])
    );
    assert_eq!(cells.len(), COLUMNS.len());
}
