//! Rows of bindings.

use k8s_api::rbac::v1::RoleBinding;
use serde_json::json;

use super::role_binding::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let binding: RoleBinding = object(json!({
        "metadata": {"name": "b", "creationTimestamp": "2026-01-02T11:00:00Z"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [
            {"kind": "User", "name": "u"}, {"kind": "User", "name": "v"},
            {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
        ],
    }));
    assert_eq!(
        json!(row(&binding, noon())),
        json!(["b", "Role/r", "60m", "u, v", "", "n/s"])
    );
}
