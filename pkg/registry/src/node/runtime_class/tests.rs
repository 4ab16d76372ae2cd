//! Runtime classes: how they are written, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::node::v1::RuntimeClass;
use serde_json::json;

use super::{RuntimeClassStrategy, row};
use crate::core::tests::{noon, object};

#[test]
fn rows_and_writing() {
    let class: RuntimeClass = object(json!({"metadata": {"name": "r"}, "handler": "runc"}));
    assert_eq!(json!(row(&class, noon())), json!(["r", "runc", "<unknown>"]));
    assert!(RuntimeClassStrategy.allow_create_on_update() && !RuntimeClassStrategy.allow_unconditional_update());
}
