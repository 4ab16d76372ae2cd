//! Ingress classes: defaults and faults.

use k8s_api::networking::v1::IngressClass;
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update};
use crate::common::testing::{cluster_object, stored, texts};

fn class(spec: &Value) -> IngressClass {
    let mut class = cluster_object(json!({"spec": spec}));
    set_defaults(&mut class);
    class
}

#[test]
fn faults() {
    let parameters = |parameters: Value| json!({"controller": "example.com/c", "parameters": parameters});
    let cases: &[(Value, &[&str])] = &[
        (parameters(json!({"kind": "K", "name": "n"})), &[]),
        (json!({}), &["spec.controller: Required value"]),
        (
            json!({"controller": "Not A Path"}),
            &[
                r#"spec.controller: Invalid value: "Not A Path": must be a domain-prefixed path (such as "acme.io/foo")"#,
            ],
        ),
        (
            parameters(json!({"scope": "Namespace"})),
            &[
                "spec.parameters.kind: Required value",
                "spec.parameters.name: Required value",
                "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
            ],
        ),
        (
            parameters(json!({"kind": "K", "name": "n", "namespace": "x"})),
            &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        ),
        (
            parameters(json!({"kind": "K", "name": "n", "scope": "World"})),
            &[r#"spec.parameters.scope: Unsupported value: "World": supported values: "Cluster", "Namespace""#],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(&validate(&class(spec))), *expected, "of {spec}");
    }
}

#[test]
fn the_controller_stays() {
    let old = stored(class(&json!({"controller": "example.com/ingress"})));
    let new = stored(class(&json!({"controller": "example.com/other"})));
    assert_eq!(
        texts(&validate_update(&new, &old)),
        [r#"spec.controller: Invalid value: "example.com/other": field is immutable"#]
    );
}
