//! The row of a node, and who may change what of it.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::Node;
use serde_json::json;

use super::{NodeStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let node: Node = object(json!({
        "metadata": {"name": "n1", "labels": {
            "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "db"}},
        "spec": {"unschedulable": true},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.2", "architecture": "amd64", "osImage": "Debian"},
        },
    }));
    assert_eq!(
        json!(row(&node, noon())),
        json!([
            "n1",
            "NotReady,SchedulingDisabled",
            "control-plane,db,worker",
            "<unknown>",
            "v1.36.2",
            "10.0.0.1",
            "<none>",
            "Debian",
            "<unknown> (amd64)",
            "<unknown>"
        ])
    );
    let empty: Node = object(json!({"metadata": {"name": "n2"}}));
    assert_eq!(json!(row(&empty, noon()))[1], json!("Unknown"));
}

#[test]
fn spec_and_status_change_apart() {
    let old: Node = object(json!({"spec": {"providerID": "a"}, "status": {"phase": "old"}}));
    let new: Node =
        object(json!({"spec": {"providerID": "b", "configSource": {}}, "status": {"phase": "new", "config": {}}}));
    with_context("", |context| {
        let mut plain = new.clone();
        NodeStrategy.prepare_for_update(context, &mut plain, &old);
        assert_eq!(
            (plain.spec.provider_id.as_str(), plain.status.phase.as_str()),
            ("b", "old")
        );
        assert_eq!(plain.spec.config_source, None);
        let mut status = new.clone();
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(
            (status.spec.provider_id.as_str(), status.status.phase.as_str()),
            ("a", "new")
        );
        assert_eq!(status.status.config, None);
    });
}
