//! Priority classes: defaults and faults.

use k8s_api::scheduling::v1::PriorityClass;
use serde_json::json;

use super::{is_system_class, set_defaults, validate, validate_update};
use crate::common::testing::{cluster_object, stored, texts};

fn class(name: &str, value: i32) -> PriorityClass {
    let mut class = cluster_object(json!({"metadata": {"name": name}, "value": value}));
    set_defaults(&mut class);
    class
}

#[test]
fn faults() {
    assert_eq!(
        class("high", 1).preemption_policy.as_deref(),
        Some("PreemptLowerPriority")
    );
    let reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use \
                    only. error: ";
    let cases = [
        (class("high", 1_000_000_000), vec![]),
        (class("system-cluster-critical", 2_000_000_000), vec![]),
        (
            class("high", 1_000_000_001),
            vec!["value: Forbidden: maximum allowed value of a user defined priority is 1000000000".to_owned()],
        ),
        (
            class("system-mine", 1),
            vec![format!("{reserved}system-mine is not a known system priority class")],
        ),
        (
            class("system-node-critical", 1),
            vec![format!(
                "{reserved}value of system-node-critical PriorityClass must be 2000001000"
            )],
        ),
    ];
    for (class, expected) in cases {
        assert_eq!(texts(&validate(&class)), expected);
    }
    let mut odd = class("high", 1);
    odd.preemption_policy = Some("Sometimes".into());
    assert_eq!(
        texts(&validate(&odd)),
        [r#"preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never""#]
    );
    assert!(is_system_class("system-node-critical") && !is_system_class("high"));
}

#[test]
fn the_value_stays() {
    let old = stored(class("high", 1));
    let mut new = stored(class("high", 2));
    new.preemption_policy = Some("Never".into());
    assert_eq!(
        texts(&validate_update(&new, &old)),
        [
            "value: Forbidden: may not be changed in an update.",
            r#"preemptionPolicy: Invalid value: "Never": field is immutable"#,
        ]
    );
}
