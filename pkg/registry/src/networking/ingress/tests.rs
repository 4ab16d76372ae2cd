//! Ingresses: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::networking::v1::Ingress;
use serde_json::json;

use super::{IngressStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn ingress(hosts: &[&str]) -> Ingress {
    let rules: Vec<_> = hosts.iter().map(|host| json!({"host": host})).collect();
    object(json!({
        "metadata": {"name": "i", "generation": 1},
        "spec": {"rules": rules},
        "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}, {"ip": "192.0.2.1"}, {"ip": "192.0.2.1"}]}},
    }))
}

#[test]
fn rows() {
    for (hosts, expected) in [
        (&[][..], "*"),
        (&["", "a"], "a"),
        (&["a", "b", "c"], "a,b,c"),
        (&["a", "b", "c", "d"], "a,b,c + 1 more..."),
    ] {
        assert_eq!(
            json!(row(&ingress(hosts), noon())),
            json!(["i", "<none>", expected, "192.0.2.1,lb.example.com", "80", "<unknown>"])
        );
    }
    let mut secured = ingress(&[]);
    secured.spec.tls.push(Default::default());
    assert_eq!(json!(row(&secured, noon()))[4], "80, 443");
}

#[test]
fn each_endpoint_changes_its_part() {
    let old = ingress(&["a"]);
    with_context("networking.k8s.io", |context| {
        let mut new = ingress(&["b"]);
        new.status = Default::default();
        let mut status = new.clone();
        IngressStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.metadata.generation, &new.status), (2, &old.status));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((&status.spec, status.status), (&old.spec, Default::default()));
    });
}
