//! Network policies: defaults, faults, what may stay, warnings.

use k8s_api::{Kind, networking::v1::NetworkPolicy};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings};
use crate::common::testing::{gates, object, stored, texts};

fn policy(spec: &Value) -> NetworkPolicy {
    let mut policy = object(json!({"spec": spec}));
    set_defaults(&mut policy);
    policy
}

fn block(block: &Value) -> Value {
    json!({"ingress": [{"from": [{"ipBlock": block}]}]})
}

#[test]
fn defaults() {
    let spec = policy(&json!({"egress": [{"ports": [{"port": 53}]}]})).to_value()["spec"].take();
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(spec["egress"][0]["ports"][0]["protocol"], "TCP");
    assert_eq!(policy(&json!({})).spec.policy_types, ["Ingress"]);
}

#[test]
fn faults() {
    let port = |port: Value| json!({"ingress": [{"ports": [port]}]});
    let cases: &[(Value, &[&str])] = &[
        (json!({"podSelector": {}}), &[]),
        (
            block(&json!({"cidr": "10.0.0.0"})),
            &[
                r#"spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
            ],
        ),
        (
            block(&json!({"cidr": "10.0.0.0/24", "except": ["10.1.0.0/24", "10.0.0.0/24", "10.0.0.128/25"]})),
            &[
                r#"spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.0.0/24": must be a strict subset of `cidr`"#,
                r#"spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "10.0.0.0/24": must be a strict subset of `cidr`"#,
            ],
        ),
        (
            block(&json!({})),
            &["spec.ingress[0].from[0].ipBlock.cidr: Required value"],
        ),
        (
            json!({"egress": [{"to": [{}, {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/24"}}]}]}),
            &[
                "spec.egress[0].to[0]: Required value: must specify a peer",
                "spec.egress[0].to[1]: Forbidden: may not specify both ipBlock and another peer",
            ],
        ),
        (
            port(json!({"port": 80, "endPort": 79, "protocol": "ICMP"})),
            &[
                r#"spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP""#,
                "spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`",
            ],
        ),
        (
            port(json!({"port": "http", "endPort": 79})),
            &["spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is non-numeric"],
        ),
        (
            port(json!({"endPort": 79})),
            &["spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is not specified"],
        ),
        (
            json!({"policyTypes": ["Ingress", "Egress", "Ingress"]}),
            &[
                r#"spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes"#,
            ],
        ),
        (
            json!({"policyTypes": ["Sideways"]}),
            &[r#"spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Ingress", "Egress""#],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(&validate(&policy(spec), &gates())), *expected, "of {spec}");
    }
}

#[test]
fn networks_may_stay_as_they_are() {
    let old = stored(policy(&block(&json!({"cidr": "010.0.0.0/8"}))));
    assert_eq!(
        texts(&validate(&old, &gates())),
        [
            r#"spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length"#
        ]
    );
    assert_eq!(texts(&validate_update(&old, &old, &gates())), [""; 0]);
    assert_eq!(
        warnings(&old),
        [r#"spec.ingress[0].from[0].ipBlock.cidr: non-standard CIDR value "010.0.0.0/8" is invalid: use "10.0.0.0/8""#]
    );
}
