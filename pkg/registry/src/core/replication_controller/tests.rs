//! The row of a replication controller, and its generation.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::ReplicationController;
use serde_json::json;

use super::{ReplicationControllerStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let controller: ReplicationController = object(json!({
        "metadata": {"name": "rc"},
        "spec": {"replicas": 3, "selector": {"a": "b"}, "template": {"spec": {"containers": [
            {"name": "x", "image": "i:1"}, {"name": "y", "image": "j:2"},
        ]}}},
        "status": {"replicas": 2, "readyReplicas": 1},
    }));
    assert_eq!(
        json!(row(&controller, noon())),
        json!(["rc", 3, 2, 1, "<unknown>", "x,y", "i:1,j:2", "a=b"])
    );
}

#[test]
fn the_generation_counts_specs() {
    let with = |replicas: i32, present: i32| -> ReplicationController {
        object(json!({"metadata": {"generation": 4}, "spec": {"replicas": replicas}, "status": {"replicas": present}}))
    };
    let old = with(1, 1);
    with_context("", |context| {
        let mut same = with(1, 2);
        ReplicationControllerStrategy.prepare_for_update(context, &mut same, &old);
        assert_eq!((same.metadata.generation, same.status.replicas), (4, 1));
        let mut more = with(2, 2);
        ReplicationControllerStrategy.prepare_for_update(context, &mut more, &old);
        assert_eq!((more.metadata.generation, more.spec.replicas), (5, Some(2)));
        let mut status = with(2, 2);
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(
            (status.metadata.generation, status.spec.replicas, status.status.replicas),
            (4, Some(1), 2)
        );
    });
}
