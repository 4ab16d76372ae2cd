//! The row of a service account.

use k8s_api::core::v1::ServiceAccount;
use serde_json::json;

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let account: ServiceAccount =
        object(json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T12:00:00Z"}}));
    assert_eq!(json!(row(&account, noon())), json!(["a", "24h"]));
}
