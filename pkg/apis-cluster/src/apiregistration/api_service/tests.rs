//! Which faults are found in API services, and in which words.

use k8s_api::Kind as _;
use serde_json::{Value, json};

use super::*;

#[test]
fn services() {
    let check = |name: &str, spec: Value, expected: &str| {
        let mut service = APIService::from_value(json!({"metadata": {"name": name}, "spec": spec}))
            .expect("the test's object is well-formed");
        set_defaults(&mut service);
        assert_eq!(validate(&service).to_string(), expected);
    };
    let spec = |extra: Value| {
        let mut spec =
            json!({"group": "g.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10});
        let members = spec.as_object_mut().expect("the spec is an object");
        members.extend(extra.as_object().expect("the extra is an object").clone());
        spec
    };
    check("v1.g.example.com", spec(json!({})), "");
    check(
        "v2.g.example.com",
        spec(json!({})),
        "metadata.name: Invalid value: \"v2.g.example.com\": must be `spec.version+\".\"+spec.group`: \"v1.g.example.com\"",
    );
    check(
        "v1.g.example.com",
        spec(json!({"groupPriorityMinimum": 0, "versionPriority": 2000})),
        "[spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000, spec.versionPriority: Invalid value: 2000: must be positive and less than 1000]",
    );
    check(
        "v1.g.example.com",
        spec(json!({"insecureSkipTLSVerify": true, "caBundle": "eA=="})),
        "[spec.caBundle: Invalid value: \"1 bytes\": local APIServices may not have a caBundle, spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify]",
    );
    check(
        "v1.g.example.com",
        spec(json!({"service": {"name": "", "namespace": "n"}})),
        "spec.service.name: Required value",
    );
}
