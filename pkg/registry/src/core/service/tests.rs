//! The rows of services, and who may change what of them.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::Service;
use serde_json::{Value, json};

use super::{ServiceStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn service(spec: Value) -> Service {
    object(json!({"metadata": {"name": "s"}, "spec": spec}))
}

#[test]
fn rows() {
    let plain = service(json!({
        "type": "ClusterIP", "clusterIPs": ["10.0.0.1"], "selector": {"a": "b"},
        "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
    }));
    assert_eq!(
        json!(row(&plain, noon())),
        json!([
            "s",
            "ClusterIP",
            "10.0.0.1",
            "<none>",
            "80/TCP,53:30053/UDP",
            "<unknown>",
            "a=b"
        ])
    );
    let mut balanced = service(json!({"type": "LoadBalancer"}));
    assert_eq!(
        json!(row(&balanced, noon())),
        json!([
            "s",
            "LoadBalancer",
            "<none>",
            "<pending>",
            "<none>",
            "<unknown>",
            "<none>"
        ])
    );
    balanced.status = object::<Service>(json!({"status": {"loadBalancer": {"ingress": [
        {"hostname": "z.example"}, {"ip": "1.2.3.4"}, {"ip": "1.2.3.4"},
    ]}}}))
    .status;
    balanced.spec.external_ips = vec!["1.1.1.1".into()];
    assert_eq!(row(&balanced, noon())[3], json!("1.2.3.4,z.example,1.1.1.1"));
    let outside = service(json!({"type": "ExternalName", "externalName": "x.example"}));
    assert_eq!(row(&outside, noon())[3], json!("x.example"));
}

#[test]
fn spec_and_status_change_apart() {
    let with = |name: &str, host: &str| -> Service {
        object(json!({
            "spec": {"type": "LoadBalancer", "externalName": name},
            "status": {"loadBalancer": {"ingress": [{"hostname": host}]}},
        }))
    };
    let old = with("old", "old");
    with_context("", |context| {
        let mut plain = with("new", "new");
        ServiceStrategy.prepare_for_update(context, &mut plain, &old);
        assert_eq!(plain, with("new", "old"));
        let mut status = with("new", "new");
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(status, with("old", "new"));
        let mut created = with("new", "new");
        ServiceStrategy.prepare_for_create(context, &mut created);
        assert!(created.status.load_balancer.ingress.is_empty());
    });
}
