//! Priority classes: rows.

use apiserver::registry::Strategy as _;
use k8s_api::scheduling::v1::PriorityClass;
use serde_json::json;

use super::{PriorityClassStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let mut class: PriorityClass = object(json!({
        "metadata": {"name": "p"}, "value": 1000, "preemptionPolicy": "Never",
    }));
    assert_eq!(
        json!(row(&class, noon())),
        json!(["p", 1000, false, "<unknown>", "Never"])
    );
    with_context("scheduling.k8s.io", |context| {
        PriorityClassStrategy.prepare_for_create(context, &mut class);
    });
    assert_eq!(class.metadata.generation, 1);
}
