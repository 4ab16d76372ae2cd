//! Faults of endpoints, word for word.

use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::Endpoints};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings};

fn endpoints(subsets: Value) -> Endpoints {
    let metadata = json!({"name": "demo", "namespace": "default", "resourceVersion": "1"});
    let mut endpoints = Endpoints::from_value(json!({"metadata": metadata, "subsets": subsets})).expect("endpoints");
    set_defaults(&mut endpoints);
    endpoints
}

#[test]
fn faults() {
    let cases = [
        (
            json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]),
            "",
        ),
        (
            json!([{}]),
            "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
        ),
        (
            json!([{"addresses": [{"ip": "1.2.3"}]}]),
            r#"[subsets[0].addresses[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].addresses[0].ip: Invalid value: "1.2.3": must be a valid IP address]"#,
        ),
        (
            json!([{"notReadyAddresses": [{"ip": "127.0.0.1"}]}]),
            r#"subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
        ),
        (
            json!([{"addresses": [{"ip": "fe80::1"}]}]),
            r#"subsets[0].addresses[0].ip: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)"#,
        ),
        (
            json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 0}, {"name": "b", "port": 1, "protocol": "ICMP"}]}]),
            r#"[subsets[0].ports[0].name: Required value, subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, subsets[0].ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"]"#,
        ),
    ];
    for (subsets, text) in cases {
        assert_eq!(
            validate(&endpoints(subsets), &FeatureGates::default()).to_string(),
            text
        );
    }
}

#[test]
fn unchanged_subsets_may_stay() {
    let gates = FeatureGates::default();
    let bad = endpoints(json!([{}]));
    assert_eq!(validate_update(&bad, &bad, &gates).to_string(), "");
    assert_eq!(validate_update(&bad, &endpoints(json!([])), &gates).len(), 1);
}

#[test]
fn addresses_of_others_are_warned_about() {
    let mut endpoints = endpoints(json!([{"addresses": [{"ip": "10.0.0.01"}]}]));
    assert_eq!(
        warnings(&endpoints),
        [r#"subsets[0].addresses[0].ip: non-standard IP address "10.0.0.01" is invalid: use "10.0.0.1""#]
    );
    endpoints
        .metadata
        .labels
        .insert("endpoints.kubernetes.io/managed-by", "endpoint-controller".to_owned());
    assert!(warnings(&endpoints).is_empty());
}
