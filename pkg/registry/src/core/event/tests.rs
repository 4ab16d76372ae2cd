//! The rows of events of both kinds, and the rules by API group.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::Event;
use serde_json::json;

use super::{EventStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let old: Event = object(json!({
        "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec"},
        "type": "Normal", "reason": "Pulled", "message": " done\n", "count": 3,
        "source": {"component": "kubelet", "host": "n1"},
        "firstTimestamp": "2026-01-02T11:00:00Z", "lastTimestamp": "2026-01-02T11:59:00Z",
    }));
    assert_eq!(
        json!(row(&old, noon())),
        json!([
            "60s",
            "Normal",
            "Pulled",
            "pod/p",
            "spec",
            "kubelet, n1",
            "done",
            "60m",
            3,
            "e"
        ])
    );
    let new: Event = object(json!({
        "metadata": {"name": "e"}, "involvedObject": {"kind": "Node"}, "reportingComponent": "c",
        "eventTime": "2026-01-02T11:00:00.000000Z",
    }));
    assert_eq!(
        json!(row(&new, noon())),
        json!(["60m", "", "", "node", "", "c", "", "60m", 1, "e"])
    );
    let series: Event = object(json!({
        "metadata": {"name": "e"}, "eventTime": "2026-01-02T11:00:00.000000Z",
        "series": {"count": 5, "lastObservedTime": "2026-01-02T11:59:50.000000Z"},
    }));
    let cells = row(&series, noon());
    assert_eq!(
        (&cells[0], &cells[7], &cells[8]),
        (&json!("10s"), &json!("60m"), &json!(5))
    );
}

#[test]
fn the_newer_api_is_strict() {
    let event: Event = object(json!({"metadata": {"name": "e", "namespace": "default"}}));
    assert_eq!(
        with_context("", |context| EventStrategy.validate(context, &event)).to_string(),
        ""
    );
    assert_eq!(
        with_context("events.k8s.io", |context| EventStrategy.validate(context, &event)).to_string(),
        r#"[eventTime: Required value, type: Invalid value: "": has invalid value: ]"#
    );
}
