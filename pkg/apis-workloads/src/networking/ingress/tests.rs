//! Ingresses: faults, what may stay, warnings.

use k8s_api::networking::v1::Ingress;
use serde_json::{Value, json};

use super::{validate, validate_status_update, validate_update, warnings_on_create, warnings_on_status_update};
use crate::common::testing::{gates, gates_with, object, stored, texts};

fn ingress(spec: &Value) -> Ingress {
    object(json!({"spec": spec}))
}

fn service(name: &str, port: &Value) -> Value {
    json!({"service": {"name": name, "port": port}})
}

fn rule(host: &str, path: &Value) -> Value {
    json!({"host": host, "http": {"paths": [path]}})
}

#[test]
fn faults() {
    let good = service("s", &json!({"number": 80}));
    let path = |path: &str, type_: &str| json!({"path": path, "pathType": type_, "backend": good});
    let rules = |rule: Value| json!({"rules": [rule]});
    let cases: &[(Value, &[&str])] = &[
        (json!({"defaultBackend": good}), &[]),
        (
            json!({}),
            &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
        ),
        (
            json!({"defaultBackend": {}}),
            &[r#"spec.defaultBackend: Invalid value: "": resource or service backend is required"#],
        ),
        (
            json!({"defaultBackend": service("s", &json!({"name": "x", "number": 1}))}),
            &[r#"spec.defaultBackend: Invalid value: "": cannot set both port name & port number"#],
        ),
        (
            json!({"defaultBackend": service("", &json!({"number": 70_000}))}),
            &[
                "spec.defaultBackend.service.name: Required value",
                "spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            json!({"defaultBackend": {"resource": {"kind": "", "name": ".."}}}),
            &[
                "spec.defaultBackend.resource.kind: Required value",
                r#"spec.defaultBackend.resource.name: Invalid value: "..": may not be '..'"#,
            ],
        ),
        (
            rules(rule("1.2.3.4", &path("/a//b", "Exact"))),
            &[
                r#"spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address"#,
                r#"spec.rules[0].http.paths[0].path: Invalid value: "/a//b": must not contain '//'"#,
            ],
        ),
        (
            rules(rule("", &path("x/..", "Prefix"))),
            &[
                r#"spec.rules[0].http.paths[0].path: Invalid value: "x/..": must be an absolute path"#,
                r#"spec.rules[0].http.paths[0].path: Invalid value: "x/..": cannot end with '/..'"#,
            ],
        ),
        (
            rules(rule("", &path("", "Regex"))),
            &[
                r#"spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix""#,
            ],
        ),
        (
            rules(rule("", &json!({"backend": {}}))),
            &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
        ),
        (
            rules(json!({"http": {"paths": []}})),
            &["spec.rules[0].http.paths: Required value"],
        ),
        (
            json!({"defaultBackend": good, "tls": [{"secretName": "A"}], "ingressClassName": "c/d"}),
            &[
                "spec.tls[0].secretName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                "spec.ingressClassName: Invalid value: \"c/d\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(&validate(&ingress(spec), &gates())), *expected, "of {spec}");
    }
}

#[test]
fn service_names_may_begin_with_a_digit() {
    let digit = ingress(&json!({"defaultBackend": service("1a", &json!({"number": 80}))}));
    assert_eq!(texts(&validate(&digit, &gates())), [""; 0]);
    let off = gates_with("RelaxedServiceNameValidation=false");
    assert_eq!(texts(&validate(&digit, &off)).len(), 1);
    let old = stored(digit);
    assert_eq!(
        texts(&validate_update(&old, &old, &off)),
        [""; 0],
        "it is there already"
    );
}

#[test]
fn the_annotation_agrees_with_the_class() {
    let good = json!({"defaultBackend": service("s", &json!({"number": 80})), "ingressClassName": "a"});
    let mut ingress = ingress(&good);
    ingress
        .metadata
        .annotations
        .insert("kubernetes.io/ingress.class", "b".to_owned());
    assert_eq!(
        texts(&validate(&ingress, &gates())),
        [
            r#"annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified"#
        ]
    );
    assert_eq!(warnings_on_create(&ingress), [""; 0]);
    ingress.spec.ingress_class_name = None;
    assert_eq!(
        warnings_on_create(&ingress),
        [r#"annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead"#]
    );
}

#[test]
fn status() {
    let old = stored(ingress(&json!({})));
    let mut new: Ingress = stored(object(json!({"status": {"loadBalancer": {"ingress": [
        {"ip": "010.0.0.1"}, {"hostname": "1.2.3.4"},
    ]}}})));
    new.spec = old.spec.clone();
    assert_eq!(
        texts(&validate_status_update(&new, &old, &gates())),
        [
            r#"status.loadBalancer.ingress[0].ip: Invalid value: "010.0.0.1": must not have leading 0s"#,
            r#"status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address"#,
        ]
    );
    assert_eq!(
        warnings_on_status_update(&new),
        [r#"status.loadBalancer.ingress[0]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#]
    );
}
