//! Network policies: rows and generations.

use apiserver::registry::Strategy as _;
use k8s_api::networking::v1::NetworkPolicy;
use serde_json::json;

use super::{NetworkPolicyStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_generations() {
    let old: NetworkPolicy = object(json!({"metadata": {"name": "p", "generation": 1}, "spec": {"podSelector": {}}}));
    assert_eq!(json!(row(&old, noon())), json!(["p", "<none>", "<unknown>"]));
    with_context("networking.k8s.io", |context| {
        let mut new = old.clone();
        new.spec.policy_types.push("Egress".into());
        NetworkPolicyStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2);
    });
}
