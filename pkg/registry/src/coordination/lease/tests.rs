//! Leases: how they are written, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::coordination::v1::Lease;
use serde_json::json;

use super::{LeaseStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_writing() {
    let mut lease: Lease = object(json!({
        "metadata": {"name": "l"}, "spec": {"holderIdentity": "me", "strategy": "OldestEmulationVersion"},
    }));
    assert_eq!(json!(row(&lease, noon())), json!(["l", "me", "<unknown>"]));
    assert!(LeaseStrategy.allow_create_on_update() && !LeaseStrategy.allow_unconditional_update());
    with_context("coordination.k8s.io", |context| {
        LeaseStrategy.prepare_for_create(context, &mut lease);
    });
    assert_eq!(lease.spec.strategy, None, "the feature is off");
}
