//! The row and the name of a limit range.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::LimitRange;
use serde_json::json;

use super::{LimitRangeStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let range: LimitRange = object(json!({"metadata": {"name": "l", "creationTimestamp": "2026-01-02T11:00:00Z"}}));
    assert_eq!(json!(row(&range, noon())), json!(["l", "2026-01-02T11:00:00Z"]));
}

#[test]
fn a_name_is_made_up() {
    let mut range = LimitRange::default();
    with_context("", |context| LimitRangeStrategy.prepare_for_create(context, &mut range));
    assert_eq!(range.metadata.name.len(), 36);
}
