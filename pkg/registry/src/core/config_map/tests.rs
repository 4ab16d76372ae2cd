//! The row of a config map.

use k8s_api::core::v1::ConfigMap;
use serde_json::json;

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let map: ConfigMap = object(json!({
        "metadata": {"name": "m", "creationTimestamp": "2026-01-02T11:00:00Z"},
        "data": {"a": "b"}, "binaryData": {"c": "aGk="},
    }));
    assert_eq!(json!(row(&map, noon())), json!(["m", 2, "60m"]));
}
