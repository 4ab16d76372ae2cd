//! Addresses: rows.

use k8s_api::networking::v1::IPAddress;
use serde_json::json;

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    for (parent, expected) in [
        (json!(null), "<none>"),
        (
            json!({"group": "", "resource": "services", "namespace": "default", "name": "s"}),
            "services/default/s",
        ),
        (json!({"group": "G.io", "resource": "Xs", "name": "n"}), "xs.g.io/n"),
    ] {
        let address: IPAddress = object(json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": parent}}));
        assert_eq!(json!(row(&address, noon())), json!(["10.0.0.1", expected, "<unknown>"]));
    }
}
