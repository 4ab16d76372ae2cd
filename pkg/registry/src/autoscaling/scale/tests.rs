//! Scales: rows.

use k8s_api::autoscaling::v1::Scale;
use serde_json::json;

use super::{COLUMNS, row};
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let scale: Scale = object(json!({
        "metadata": {"name": "d"}, "spec": {"replicas": 3}, "status": {"replicas": 2},
    }));
    assert_eq!(json!(row(&scale, noon())), json!(["d", 3, 2, "<unknown>"]));
    assert_eq!(COLUMNS[0].format, "");
}
