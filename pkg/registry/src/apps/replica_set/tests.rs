//! Replica sets: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::apps::v1::ReplicaSet;
use serde_json::json;

use super::{ReplicaSetStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_parts() {
    let old: ReplicaSet = object(json!({
        "metadata": {"name": "r", "generation": 1},
        "spec": {"replicas": 3, "selector": {}},
        "status": {"replicas": 2, "readyReplicas": 1},
    }));
    assert_eq!(
        json!(row(&old, noon())),
        json!(["r", 3, 2, 1, "<unknown>", "", "", "<none>"])
    );
    with_context("apps", |context| {
        let mut new = old.clone();
        new.spec.replicas = Some(4);
        new.status.replicas = 4;
        let mut status = new.clone();
        ReplicaSetStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.metadata.generation, new.status.replicas), (2, 2));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((status.spec.replicas, status.status.replicas), (Some(3), 4));
    });
}
