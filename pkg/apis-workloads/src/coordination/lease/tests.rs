//! Leases: faults and gates.

use k8s_api::coordination::v1::Lease;
use serde_json::json;

use super::{drop_disabled_fields, validate};
use crate::common::testing::{gates, object, texts};

fn lease(spec: &serde_json::Value) -> Lease {
    object(json!({"spec": spec}))
}

#[test]
fn faults() {
    let cases = [
        (json!({"leaseDurationSeconds": 15}), &[][..]),
        (
            json!({"leaseDurationSeconds": 0, "leaseTransitions": -1}),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            json!({"strategy": "Best"}),
            &[r#"spec.strategy.strategy: Unsupported value: "Best": supported values: "OldestEmulationVersion""#],
        ),
        (
            json!({"preferredHolder": "me"}),
            &["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(&validate(&lease(&spec))), expected, "of {spec}");
    }
}

#[test]
fn coordination_is_behind_a_gate() {
    let mut new = lease(&json!({"strategy": "OldestEmulationVersion", "preferredHolder": "me"}));
    let old = new.clone();
    drop_disabled_fields(&mut new, Some(&old), &gates());
    assert_eq!(new, old);
    drop_disabled_fields(&mut new, None, &gates());
    assert_eq!((new.spec.strategy, new.spec.preferred_holder), (None, None));
}
