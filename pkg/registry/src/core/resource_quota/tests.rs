//! The row of a quota.

use k8s_api::core::v1::ResourceQuota;
use serde_json::json;

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let quota: ResourceQuota = object(json!({
        "metadata": {"name": "q"},
        "status": {
            "hard": {"limits.cpu": "4", "pods": "10", "requests.cpu": "2"},
            "used": {"limits.cpu": "1", "pods": "3"},
        },
    }));
    assert_eq!(
        json!(row(&quota, noon())),
        json!(["q", "pods: 3/10, requests.cpu: 0/2", "limits.cpu: 1/4", "<unknown>"])
    );
}
