//! Ranges of service addresses: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::networking::v1::ServiceCIDR;
use serde_json::json;

use super::{ServiceCIDRStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_parts() {
    let old: ServiceCIDR = object(json!({
        "metadata": {"name": "c", "labels": {"a": "b"}},
        "spec": {"cidrs": ["10.96.0.0/16", "fd00::/112"]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }));
    assert_eq!(
        json!(row(&old, noon())),
        json!(["c", "10.96.0.0/16,fd00::/112", "<unknown>"])
    );
    with_context("networking.k8s.io", |context| {
        let mut new = old.clone();
        new.metadata.labels.clear();
        new.spec.cidrs.pop();
        new.status.conditions.clear();
        let mut status = new.clone();
        ServiceCIDRStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.spec.cidrs.len(), &new.status), (1, &old.status));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((&status.metadata, &status.spec), (&old.metadata, &old.spec));
        assert!(status.status.conditions.is_empty());
    });
}
