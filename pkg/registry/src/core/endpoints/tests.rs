//! The row of endpoints.

use k8s_api::core::v1::Endpoints;
use serde_json::{Value, json};

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let ips = |count: usize| {
        (1..=count)
            .map(|n| json!({"ip": format!("10.0.0.{n}")}))
            .collect::<Vec<_>>()
    };
    let cases: [(Value, &str); 5] = [
        (json!([]), "<none>"),
        (json!([{"addresses": ips(2)}]), "10.0.0.1,10.0.0.2"),
        (
            json!([{"addresses": ips(3), "ports": [{"port": 80}]}]),
            "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80",
        ),
        (
            json!([{"addresses": ips(2), "ports": [{"port": 80}, {"port": 81}]}]),
            "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...",
        ),
        (
            json!([{"addresses": [{"ip": "fd00::1"}], "ports": [{"port": 80}]}]),
            "[fd00::1]:80",
        ),
    ];
    for (subsets, shown) in cases {
        let endpoints: Endpoints = object(json!({"metadata": {"name": "e"}, "subsets": subsets}));
        assert_eq!(json!(row(&endpoints, noon())), json!(["e", shown, "<unknown>"]));
    }
}
