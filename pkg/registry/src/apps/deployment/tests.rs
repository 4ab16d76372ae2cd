//! Deployments: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::apps::v1::Deployment;
use serde_json::json;

use super::{COLUMNS, DeploymentStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn deployment() -> Deployment {
    object(json!({
        "metadata": {"name": "d", "creationTimestamp": "2026-01-02T11:00:00Z", "generation": 4, "labels": {"a": "b"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"spec": {"containers": [{"name": "m", "image": "i:1"}, {"name": "n", "image": "j"}]}},
        },
        "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
    }))
}

#[test]
fn rows() {
    let cells = json!(row(&deployment(), noon()));
    assert_eq!(cells, json!(["d", "1/3", 2, 1, "60m", "m,n", "i:1,j", "app=x"]));
    assert_eq!(cells.as_array().map(Vec::len), Some(COLUMNS.len()));
}

#[test]
fn each_endpoint_changes_its_part() {
    let old = deployment();
    with_context("apps", |context| {
        let mut new = old.clone();
        new.status.replicas = 9;
        DeploymentStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(
            new, old,
            "the status does not change here, and without a change the generation stays"
        );
        new.metadata.annotations.insert("note", "1".to_owned());
        DeploymentStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 5, "replica sets get the annotations");

        let mut new = old.clone();
        new.spec.replicas = Some(7);
        new.metadata.labels.clear();
        new.status.replicas = 9;
        StatusStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((&new.spec, &new.metadata), (&old.spec, &old.metadata));
        assert_eq!(new.status.replicas, 9);

        DeploymentStrategy.prepare_for_create(context, &mut new);
        assert_eq!((new.metadata.generation, new.status), (1, Default::default()));
    });
}
