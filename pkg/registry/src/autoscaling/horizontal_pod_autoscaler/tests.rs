//! Autoscalers: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::{Value, json};

use super::{HorizontalPodAutoscalerStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn autoscaler(metrics: &Value, current: &Value) -> HorizontalPodAutoscaler {
    object(json!({
        "metadata": {"name": "h"},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "metrics": metrics},
        "status": {"currentReplicas": 2, "currentMetrics": current},
    }))
}

#[test]
fn rows() {
    let cpu = |target: Value| json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    let external = |target: Value| json!({"type": "External", "external": {"metric": {"name": "q"}, "target": target}});
    let percent = json!({"averageUtilization": 80});
    for (metrics, current, expected) in [
        (json!([]), json!([]), "<none>"),
        (json!([cpu(percent.clone())]), json!([]), "cpu: <unknown>/80%"),
        (
            json!([cpu(percent.clone())]),
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 3}}}]),
            "cpu: 3%/80%",
        ),
        (json!([cpu(json!({}))]), json!([]), "cpu: <unknown>/<auto>"),
        (
            json!([external(json!({"averageValue": "10"})), external(json!({"value": "1k"})), cpu(percent.clone()), {"type": "X"}]),
            json!([
                {"type": "External", "external": {"metric": {"name": "q"}, "current": {"averageValue": "4"}}},
                {"type": "External", "external": {"metric": {"name": "q"}, "current": {"value": "500m"}}},
            ]),
            "4/10 (avg), 500m/1k + 2 more...",
        ),
        (json!([{"type": "X"}]), json!([]), "<unknown type>"),
    ] {
        let cells = json!(row(&autoscaler(&metrics, &current), noon()));
        assert_eq!(
            cells,
            json!(["h", "Deployment/d", expected, "<unset>", 4, 2, "<unknown>"])
        );
    }
}

#[test]
fn each_endpoint_changes_its_part() {
    let old = autoscaler(&json!([]), &json!([]));
    with_context("autoscaling", |context| {
        let mut new = old.clone();
        new.spec.max_replicas = 9;
        new.status.current_replicas = 9;
        let mut status = new.clone();
        HorizontalPodAutoscalerStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.spec.max_replicas, new.status.current_replicas), (9, 2));
        assert_eq!(new.metadata.generation, 0, "the kind does not count generations");
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((status.spec.max_replicas, status.status.current_replicas), (4, 9));
    });
}
