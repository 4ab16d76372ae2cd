//! Controller revisions: rows.

use k8s_api::apps::v1::ControllerRevision;
use serde_json::json;

use super::row;
use crate::core::tests::{noon, object};

#[test]
fn rows() {
    let owned = |owners: serde_json::Value| -> ControllerRevision {
        object(json!({"metadata": {"name": "r", "ownerReferences": owners}, "revision": 3}))
    };
    let owner = json!([
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "2", "controller": true},
    ]);
    assert_eq!(
        json!(row(&owned(owner), noon())),
        json!(["r", "statefulset.apps/web", 3, "<unknown>"])
    );
    assert_eq!(
        json!(row(&owned(json!([])), noon())),
        json!(["r", "<none>", 3, "<unknown>"])
    );
}
