//! Runtime classes: faults and warnings.

use k8s_api::node::v1::RuntimeClass;
use serde_json::{Value, json};

use super::{validate, validate_update, warnings};
use crate::common::testing::{cluster_object, stored, texts};

fn class(members: &Value) -> RuntimeClass {
    let mut json = json!({"handler": "runc"});
    for (name, value) in members.as_object().expect("members of the class") {
        json[name] = value.clone();
    }
    cluster_object(json)
}

#[test]
fn faults() {
    let toleration = json!({"key": "k", "operator": "Exists", "effect": "NoExecute"});
    let mut longer = toleration.clone();
    longer["tolerationSeconds"] = json!(5);
    let cases: &[(Value, &[&str])] = &[
        (json!({"overhead": {"podFixed": {"cpu": "1"}}}), &[]),
        (json!({"handler": ""}), &["handler: Required value"]),
        (
            json!({"handler": "A"}),
            &[
                "handler: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ],
        ),
        (
            json!({"overhead": {"podFixed": {"cpu": "-1"}}}),
            &[r#"overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0"#],
        ),
        (
            json!({"scheduling": {"tolerations": [toleration, longer]}}),
            &[
                r#"scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"NoExecute","TolerationSeconds":5}"#,
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(texts(&validate(&class(members))), *expected, "of {members}");
    }
}

#[test]
fn the_handler_stays() {
    let old = stored(class(&json!({})));
    let new = stored(class(&json!({"handler": "gvisor"})));
    assert_eq!(
        texts(&validate_update(&new, &old)),
        [r#"handler: Invalid value: "gvisor": field is immutable"#]
    );
}

#[test]
fn deprecated_labels_are_warned_about() {
    let class = class(&json!({"scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}}));
    assert_eq!(
        warnings(&class),
        [r#"scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead"#]
    );
}
