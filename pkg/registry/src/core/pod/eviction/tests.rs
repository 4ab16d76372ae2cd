//! What budgets say of evictions.

use k8s_api::{Kind as _, core::v1::Pod, policy::v1::PodDisruptionBudget};
use serde_json::{Value, json};

use super::{
    budget::{Verdict, judge, matching, spares_unhealthy},
    ignores_budgets,
};

fn budget(spec: Value, status: Value) -> PodDisruptionBudget {
    let object = json!({"metadata": {"name": "b", "generation": 2}, "spec": spec, "status": status});
    PodDisruptionBudget::from_value(object).expect("a budget")
}

#[test]
fn refusals() {
    let failed = json!({"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale"});
    let blocked = json!({"type": "DisruptionAllowed", "status": "False", "reason": "Other", "message": "later"});
    // status, code, retry after, what the client is told
    let cases = [
        (
            json!({"observedGeneration": 1, "disruptionsAllowed": 1}),
            429,
            10,
            "The disruption budget b is still being processed by the server.",
        ),
        (
            json!({"observedGeneration": 2, "disruptionsAllowed": -1}),
            403,
            0,
            "poddisruptionbudget.policy \"b\" is forbidden: pdb disruptions allowed is negative",
        ),
        (
            json!({"observedGeneration": 2, "currentHealthy": 1, "desiredHealthy": 2}),
            429,
            0,
            "The disruption budget b needs 2 healthy pods and has 1 currently",
        ),
        (
            json!({"observedGeneration": 2, "currentHealthy": 1, "desiredHealthy": 2, "conditions": [failed]}),
            429,
            0,
            "The disruption budget b does not allow evicting pods currently because it failed sync: no scale",
        ),
        (
            json!({"observedGeneration": 2, "currentHealthy": 3, "desiredHealthy": 2, "conditions": [blocked]}),
            429,
            0,
            "The disruption budget b does not allow evicting pods currently (Other): later",
        ),
        (
            json!({"observedGeneration": 2, "currentHealthy": 3, "desiredHealthy": 2}),
            429,
            0,
            "The disruption budget b does not allow evicting pods currently",
        ),
    ];
    for (status, code, retry, text) in cases {
        let Verdict::Refused(refused) = judge(budget(json!({}), status), "p", jiff::Timestamp::UNIX_EPOCH) else {
            panic!("{text}");
        };
        let refused = refused.into_status();
        let details = refused.details.clone().unwrap_or_default();
        assert_eq!((refused.code, details.retry_after_seconds), (code, retry), "{text}");
        let told = details
            .causes
            .first()
            .map_or(refused.message.as_str(), |cause| cause.message.as_str());
        assert_eq!(told, text);
    }
}

#[test]
fn an_eviction_takes_one_disruption() {
    let status = json!({"observedGeneration": 2, "disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2});
    let Verdict::Taken(taken) = judge(budget(json!({}), status), "p", jiff::Timestamp::UNIX_EPOCH) else {
        panic!("one disruption is allowed");
    };
    assert_eq!(taken.status.disruptions_allowed, 0);
    assert!(taken.status.disrupted_pods.contains_key("p"));
    let condition = &taken.status.conditions[0];
    assert_eq!(
        (condition.status.as_str(), condition.reason.as_str()),
        ("False", "InsufficientPods")
    );
}

#[test]
fn whom_budgets_guard() {
    let pod = |phase: &str, labels: Value| -> Pod {
        Pod::from_value(json!({"metadata": {"labels": labels}, "status": {"phase": phase}})).expect("a pod")
    };
    for (phase, ignored) in [
        ("Pending", true),
        ("Running", false),
        ("Succeeded", true),
        ("Failed", true),
    ] {
        assert_eq!(ignores_budgets(&pod(phase, json!({}))), ignored, "{phase}");
    }
    let select = |selector: Value| budget(json!({"selector": selector}), json!({}));
    let guards = |selector: Value| matching(vec![select(selector)], &pod("Running", json!({"a": "b"}))).len();
    assert_eq!(guards(json!({"matchLabels": {"a": "b"}})), 1);
    assert_eq!(guards(json!({"matchLabels": {"a": "c"}})), 0);
    assert_eq!(guards(json!({})), 1);
    assert_eq!(
        guards(json!({"matchExpressions": [{"key": "a", "operator": "Odd"}]})),
        0
    );
}

#[test]
fn unhealthy_pods() {
    // policy, current, desired, whether they may go
    let cases = [
        (Some("AlwaysAllow"), 0, 1, true),
        (Some("IfHealthyBudget"), 0, 1, false),
        (None, 1, 1, true),
        (None, 0, 0, false),
    ];
    for (policy, current, desired, spared) in cases {
        let budget = budget(
            json!({"unhealthyPodEvictionPolicy": policy}),
            json!({"currentHealthy": current, "desiredHealthy": desired}),
        );
        assert_eq!(spares_unhealthy(&budget), spared, "{policy:?} {current} of {desired}");
    }
}
