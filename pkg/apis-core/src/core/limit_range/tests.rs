//! Defaults and faults of limit ranges, word for word.

use k8s_api::{Kind, core::v1::LimitRange};
use serde_json::{Value, json};

use super::{set_defaults, validate};

fn range(limits: Value) -> LimitRange {
    let metadata = json!({"name": "demo", "namespace": "default"});
    let mut range = LimitRange::from_value(json!({"metadata": metadata, "spec": {"limits": limits}})).expect("a range");
    set_defaults(&mut range);
    range
}

#[test]
fn containers_get_defaults() {
    let range = range(json!([
        {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}},
        {"type": "Pod", "max": {"cpu": "2"}},
    ]));
    let item = range.spec.limits[0].to_owned();
    assert_eq!(item.default["cpu"].to_string(), "2");
    assert_eq!(item.default_request["cpu"].to_string(), "2");
    assert_eq!(item.default_request["memory"].to_string(), "1Mi");
    assert!(!item.default.contains_key("memory"));
    assert!(range.spec.limits[1].default.is_empty());
}

#[test]
fn faults() {
    let cases = [
        (json!([{"type": "Container", "max": {"cpu": "2"}}]), ""),
        (
            json!([{"type": "Pod", "max": {"cpu": "1"}}, {"type": "Pod", "max": {"cpu": "1"}}]),
            r#"spec.limits[1].type: Duplicate value: "Pod""#,
        ),
        (
            json!([{"type": "Container", "default": {"cpu": "2"}, "max": {"cpu": "1"}}]),
            r#"[spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1, spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1]"#,
        ),
        (
            json!([{"type": "Pod", "default": {"cpu": "1"}, "max": {"books": "1"}}]),
            r#"[spec.limits[0].max[books]: Invalid value: "books": must be a standard resource type or fully qualified, spec.limits[0].max[books]: Invalid value: "books": must be a standard resource for containers, spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod']"#,
        ),
        (
            json!([{"type": "Node"}]),
            r#"spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified"#,
        ),
        (
            json!([{"type": "PersistentVolumeClaim"}]),
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
        ),
        (
            json!([{"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3", "memory": "500m"}}]),
            r#"[spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000, spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: "500m": ratio 500m is less than 1]"#,
        ),
        (
            json!([{"type": "Container", "default": {"hugepages-2Mi": "4Mi"}, "defaultRequest": {"hugepages-2Mi": "2Mi"}}]),
            r#"spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi"#,
        ),
    ];
    for (limits, text) in cases {
        assert_eq!(validate(&range(limits)).to_string(), text);
    }
}
