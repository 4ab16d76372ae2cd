//! Conversion and faults of events, word for word.

use k8s_api::{Kind, core::v1::Event, events::v1 as events};
use serde_json::{Value, json};

use super::{RequestVersion, from_v1, to_v1, validate, validate_update};

fn event(members: Value) -> Event {
    let mut value = json!({
        "metadata": {"name": "e", "namespace": "default", "resourceVersion": "1"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "reportingComponent": "example.com/c", "reportingInstance": "c-0",
        "action": "Binding", "reason": "Scheduled", "type": "Normal",
    });
    let object = value.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    Event::from_value(value).expect("an event")
}

#[test]
fn versions_convert_without_loss() {
    let value = json!({
        "metadata": {"name": "e", "namespace": "default"}, "action": "a", "deprecatedCount": 3,
        "deprecatedFirstTimestamp": "2026-01-02T03:04:05Z", "deprecatedLastTimestamp": "2026-01-02T03:04:06Z",
        "deprecatedSource": {"component": "c", "host": "h"}, "eventTime": "2026-01-02T03:04:05.000006Z",
        "note": "n", "reason": "r", "regarding": {"kind": "Pod"}, "related": {"kind": "Node"},
        "reportingController": "rc", "reportingInstance": "ri",
        "series": {"count": 2, "lastObservedTime": "2026-01-02T03:04:05.000007Z"}, "type": "Normal",
    });
    let event = events::Event::from_value(value).expect("an event");
    let stored = from_v1(event.clone());
    assert_eq!((stored.message.as_str(), stored.count), ("n", 3));
    assert_eq!(to_v1(&stored), event);
}

#[test]
fn lenient() {
    let cases = [
        (json!({}), ""),
        (
            json!({"eventTime": null, "involvedObject": {"namespace": "other"}}),
            r#"involvedObject.namespace: Invalid value: "other": does not match event.namespace"#,
        ),
        (
            json!({"involvedObject": {}, "metadata": {"namespace": "other"}}),
            r#"involvedObject.namespace: Invalid value: "": does not match event.namespace"#,
        ),
        (
            json!({"reportingInstance": "", "action": "x".repeat(129), "message": "x".repeat(1025)}),
            r#"[reportingInstance: Required value, action: Invalid value: "": can have at most 128 characters, message: Invalid value: "": can have at most 1024 characters]"#,
        ),
        (
            json!({"reportingComponent": ""}),
            r#"[reportingComponent: Required value, reportingComponent: Invalid value: "": name part must be non-empty, reportingComponent: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')]"#,
        ),
    ];
    for (members, text) in cases {
        assert_eq!(validate(&event(members), RequestVersion::CoreV1).to_string(), text);
    }
}

#[test]
fn strict() {
    let version = RequestVersion::new("events.k8s.io", "v1");
    assert_eq!(validate(&event(json!({})), version).to_string(), "");
    let members = json!({
        "type": "Odd", "count": 1, "source": {"host": "h"}, "firstTimestamp": "2026-01-02T03:04:05Z",
        "series": {"count": 1},
    });
    assert_eq!(
        validate(&event(members), version).to_string(),
        r#"[series.count: Invalid value: "": should be at least 2, series.lastObservedTime: Required value, type: Invalid value: "": has invalid value: Odd, firstTimestamp: Invalid value: "": needs to be unset, count: Invalid value: "": needs to be unset, source: Invalid value: "": needs to be unset]"#
    );
}

#[test]
fn strict_updates() {
    let old = event(json!({}));
    let members = json!({
        "involvedObject": {"namespace": "default"}, "source": {"host": "h"}, "count": 1, "type": "Warning",
        "firstTimestamp": "2026-01-02T03:04:05Z", "related": {"kind": "Node"},
    });
    let new = event(members);
    assert_eq!(validate_update(&new, &old, RequestVersion::CoreV1).to_string(), "");
    assert_eq!(
        validate_update(&new, &old, RequestVersion::EventsV1).to_string(),
        r#"[involvedObject: Invalid value: {"Kind":"","Namespace":"default","Name":"","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: field is immutable, source: Invalid value: {"Component":"","Host":"h"}: field is immutable, firstTimestamp: Invalid value: "2026-01-02T03:04:05Z": field is immutable, count: Invalid value: 1: field is immutable, type: Invalid value: "Warning": field is immutable, related: Invalid value: {"Kind":"Node","Namespace":"","Name":"","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: field is immutable]"#
    );
}
