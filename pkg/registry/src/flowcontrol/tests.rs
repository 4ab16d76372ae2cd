//! Rows of schemas and levels, and their generation.

use apiserver::registry::Strategy as _;
use k8s_api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use serde_json::json;

use super::{flow_schema, priority_level};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let schema: FlowSchema = object(json!({
        "metadata": {"name": "f"}, "spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": 7},
        "status": {"conditions": [{"type": "Dangling", "status": "True"}]},
    }));
    assert_eq!(
        json!(flow_schema::row(&schema, noon())),
        json!(["f", "p", 7, "<none>", "<unknown>", "True"])
    );
    let level: PriorityLevelConfiguration = object(json!({
        "metadata": {"name": "l"},
        "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 3, "limitResponse": {"type": "Reject"}}},
    }));
    assert_eq!(
        json!(priority_level::row(&level, noon())),
        json!(["l", "Limited", 3, "<none>", "<none>", "<none>", "<unknown>"])
    );
}

#[test]
fn a_changed_spec_is_a_new_generation() {
    let old: FlowSchema =
        object(json!({"metadata": {"name": "f", "generation": 4}, "spec": {"matchingPrecedence": 7}}));
    with_context("flowcontrol.apiserver.k8s.io", |context| {
        let mut same = old.clone();
        flow_schema::FlowSchemaStrategy.prepare_for_update(context, &mut same, &old);
        assert_eq!(same.metadata.generation, 4);
        let mut new = old.clone();
        new.spec.matching_precedence = 8;
        flow_schema::FlowSchemaStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 5);
    });
}
