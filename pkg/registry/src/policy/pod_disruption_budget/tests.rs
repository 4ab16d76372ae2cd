//! Disruption budgets: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::policy::v1::PodDisruptionBudget;
use serde_json::json;

use super::{PodDisruptionBudgetStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_parts() {
    let old: PodDisruptionBudget = object(json!({
        "metadata": {"name": "p", "generation": 1},
        "spec": {"minAvailable": "50%"},
        "status": {"disruptionsAllowed": 1},
    }));
    assert_eq!(json!(row(&old, noon())), json!(["p", "50%", "N/A", 1, "<unknown>"]));
    assert!(!PodDisruptionBudgetStrategy.allow_unconditional_update());
    with_context("policy", |context| {
        let mut new = old.clone();
        new.spec.min_available = Some(1.into());
        new.status.disruptions_allowed = 3;
        let mut status = new.clone();
        PodDisruptionBudgetStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.metadata.generation, new.status.disruptions_allowed), (2, 1));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((&status.spec, status.status.disruptions_allowed), (&old.spec, 3));
    });
}
