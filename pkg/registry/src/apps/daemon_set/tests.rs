//! Daemon sets: who may change what, the generation of the template, and rows.

use apis_workloads::apps::daemon_set::{set_template_generation, template_generation};
use apiserver::registry::Strategy as _;
use k8s_api::apps::v1::DaemonSet;
use serde_json::json;

use super::{DaemonSetStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn daemon_set() -> DaemonSet {
    object(json!({
        "metadata": {"name": "d", "generation": 1},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"nodeSelector": {"x": "y"}}}},
        "status": {
            "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3,
            "updatedNumberScheduled": 2, "numberAvailable": 1,
        },
    }))
}

#[test]
fn rows() {
    assert_eq!(
        json!(row(&daemon_set(), noon())),
        json!(["d", 5, 4, 3, 2, 1, "x=y", "<unknown>", "", "", "a=b"])
    );
}

#[test]
fn the_server_counts_templates() {
    with_context("apps", |context| {
        let mut old = daemon_set();
        DaemonSetStrategy.prepare_for_create(context, &mut old);
        assert_eq!(template_generation(&old), 1);
        let mut new = old.clone();
        set_template_generation(&mut new, 40);
        let mut status = new.clone();
        new.spec.template.spec.node_selector.clear();
        DaemonSetStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((template_generation(&new), new.metadata.generation), (2, 2));
        new.spec.min_ready_seconds = 3;
        let before = new.clone();
        new.spec.min_ready_seconds = 4;
        DaemonSetStrategy.prepare_for_update(context, &mut new, &before);
        assert_eq!((template_generation(&new), new.metadata.generation), (2, 3));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(status, old);
    });
}
