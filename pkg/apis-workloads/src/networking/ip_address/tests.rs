//! Addresses: faults.

use k8s_api::networking::v1::IPAddress;
use serde_json::{Value, json};

use super::{validate, validate_update};
use crate::common::testing::{cluster_object, stored, texts};

fn address(name: &str, parent: &Value) -> IPAddress {
    cluster_object(json!({"metadata": {"name": name}, "spec": {"parentRef": parent}}))
}

#[test]
fn faults() {
    let parent = json!({"group": "", "resource": "services", "name": "s", "namespace": "default"});
    let cases: &[(IPAddress, &[&str])] = &[
        (address("10.0.0.1", &parent), &[]),
        (
            address("2001:DB8::1", &parent),
            &[r#"metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")"#],
        ),
        (address("10.0.0.1", &Value::Null), &["spec.parentRef: Required value"]),
        (
            address("10.0.0.1", &json!({"namespace": "a/b"})),
            &[
                "spec.parentRef.resource: Required value",
                "spec.parentRef.name: Required value",
                r#"spec.parentRef.namespace: Invalid value: "a/b": may not contain '/'"#,
            ],
        ),
    ];
    for (address, expected) in cases {
        assert_eq!(texts(&validate(address)), *expected);
    }
    let old = stored(address("10.0.0.1", &parent));
    let new = stored(address("10.0.0.1", &json!({"resource": "services", "name": "t"})));
    assert_eq!(
        texts(&validate_update(&new, &old)),
        [
            r#"spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"t"}: field is immutable"#
        ]
    );
}
