//! Jobs: who may change what, what is left behind, and rows.

use apiserver::registry::{GarbageCollectionPolicy, Strategy as _};
use k8s_api::batch::v1::Job;
use serde_json::{Value, json};

use super::{JobStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn job(spec: &Value, status: &Value) -> Job {
    object(json!({"metadata": {"name": "j", "uid": "u"}, "spec": spec, "status": status}))
}

#[test]
fn rows() {
    let condition = |type_: &str| json!([{"type": type_, "status": "True"}]);
    let started = "2026-01-02T11:58:00Z";
    for (spec, status, expected) in [
        (
            json!({"completions": 2}),
            json!({"succeeded": 1}),
            ["Running", "1/2", ""],
        ),
        (json!({"parallelism": 1}), json!({}), ["Running", "0/1", ""]),
        (
            json!({"parallelism": 4}),
            json!({"startTime": started}),
            ["Running", "0/1 of 4", "2m"],
        ),
        (
            json!({"completions": 1}),
            json!({
                "succeeded": 1, "startTime": started, "completionTime": "2026-01-02T11:58:09Z",
                "conditions": condition("Complete"),
            }),
            ["Complete", "1/1", "9s"],
        ),
        (
            json!({}),
            json!({"conditions": condition("Suspended")}),
            ["Suspended", "0/1", ""],
        ),
    ] {
        let cells = json!(row(&job(&spec, &status), noon()));
        assert_eq!(
            cells.as_array().expect("cells")[1..4],
            expected.map(Value::from),
            "{spec} {status}"
        );
    }
}

#[test]
fn selectors_are_generated_and_pods_stay_behind() {
    with_context("batch", |context| {
        let mut new = job(&json!({"manualSelector": false}), &json!({"active": 1}));
        JobStrategy.prepare_for_create(context, &mut new);
        assert_eq!(new.status, Default::default());
        let selector = new.spec.selector.as_deref().expect("it was generated");
        assert_eq!(selector.match_labels["batch.kubernetes.io/controller-uid"], "u");
        assert_eq!(new.metadata.labels["job-name"], "j");
        assert_eq!(
            JobStrategy.default_garbage_collection_policy(context),
            GarbageCollectionPolicy::OrphanDependents
        );
        let old = new.clone();
        new.spec.suspend = Some(true);
        let mut status = new.clone();
        JobStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2);
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(status, old);
    });
    with_context("apps", |context| {
        assert_eq!(
            JobStrategy.default_garbage_collection_policy(context),
            GarbageCollectionPolicy::DeleteDependents
        );
    });
}
