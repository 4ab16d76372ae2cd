//! Defaults and faults of nodes, word for word.

use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::Node};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings};

fn node(members: Value) -> Node {
    let mut value = json!({"metadata": {"name": "n1", "resourceVersion": "1"}});
    let object = value.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    let mut node = Node::from_value(value).expect("a node");
    set_defaults(&mut node);
    node
}

fn annotated(key: &str, value: &str) -> Node {
    let mut node = node(json!({}));
    node.metadata.annotations.insert(key, value.to_owned());
    node
}

#[test]
fn defaults() {
    let defaulted = node(json!({"spec": {"podCIDR": "10.0.0.0/24"}, "status": {"capacity": {"cpu": "1.0001"}}}));
    assert_eq!(defaulted.spec.pod_cidrs, ["10.0.0.0/24"]);
    assert_eq!(defaulted.status.allocatable["cpu"].to_string(), "1001m");
    let differing = node(json!({"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.1.0.0/24", "fd00::/64"]}}));
    assert_eq!(differing.spec.pod_cidrs, ["10.0.0.0/24"]);
    assert_eq!(
        node(json!({"spec": {"podCIDRs": ["10.1.0.0/24"]}})).spec.pod_cidr,
        "10.1.0.0/24"
    );
}

#[test]
fn faults() {
    let gates = FeatureGates::default();
    let cases = [
        (node(json!({})), ""),
        (
            node(
                json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}, {"key": "k", "effect": "NoSchedule"}]}}),
            ),
            r#"metadata.taints[1]: Duplicate value: {"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair"#,
        ),
        (
            node(json!({"spec": {"taints": [{"key": "k", "effect": "Never"}, {"key": "l"}]}})),
            r#"[metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute", metadata.taints[1].effect: Required value]"#,
        ),
        (
            node(json!({"spec": {"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]}})),
            r#"spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family"#,
        ),
        (
            node(json!({"status": {"capacity": {"pods": "1500m"}, "allocatable": {"cpu": "-1"}}})),
            r#"[status.capacity.pods: Invalid value: "1500m": must be an integer, status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0]"#,
        ),
        (
            node(json!({"status": {"nodeInfo": {"swap": {"capacity": 0}}}})),
            "metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero",
        ),
        (
            node(json!({"status": {"declaredFeatures": ["B", "A", "A"]}})),
            r#"[status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically, status.declaredFeatures[2]: Duplicate value: "A"]"#,
        ),
        (
            annotated("scheduler.alpha.kubernetes.io/taints", "{}"),
            r#"metadata.annotations: Invalid value: "scheduler.alpha.kubernetes.io/taints": json: cannot unmarshal object into Go value of type []core.Taint"#,
        ),
        (
            annotated("scheduler.alpha.kubernetes.io/taints", r#"[{"key":"a","effect":"x"}]"#),
            r#"metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#,
        ),
        (
            annotated(
                "scheduler.alpha.kubernetes.io/preferAvoidPods",
                r#"{"preferAvoidPods":[{}]}"#,
            ),
            "metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value",
        ),
    ];
    for (node, text) in cases {
        assert_eq!(validate(&node, &gates).to_string(), text);
    }
}

#[test]
fn updates() {
    let old = node(json!({"spec": {"podCIDRs": ["10.0.0.0/24"], "providerID": "a://b", "externalID": "x"}}));
    let cases = [
        (
            json!({"spec": {"podCIDRs": ["10.0.1.0/24"], "providerID": "a://c"}}),
            "[spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid, \
             spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid, \
             spec.externalID: Forbidden: may not be updated]",
        ),
        (
            json!({"spec": {"podCIDRs": ["10.0.0.0/24"], "providerID": "a://b", "externalID": "x", "configSource": {}},
                   "status": {"addresses": [{"type": "Hostname", "address": "h"}, {"type": "Hostname", "address": "h"}]}}),
            r#"[status.addresses[1]: Duplicate value: {"Type":"Hostname","Address":"h"}, spec.configSource: Invalid value: {"ConfigMap":null}: exactly one reference subfield must be non-nil]"#,
        ),
    ];
    for (members, text) in cases {
        assert_eq!(validate_update(&node(members), &old).to_string(), text);
    }
}

#[test]
fn removed_fields_are_warned_about() {
    assert_eq!(
        warnings(&node(
            json!({"spec": {"externalID": "x", "configSource": {}, "podCIDRs": ["10.0.0.1/24"]}})
        )),
        [
            "spec.configSource: the feature is removed",
            "spec.externalID: this field is deprecated, and is unused by Kubernetes",
            r#"spec.podCIDRs[0]: CIDR value "10.0.0.1/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/32"?)"#,
        ]
    );
}
