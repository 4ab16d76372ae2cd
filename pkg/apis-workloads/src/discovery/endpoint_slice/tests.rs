//! Endpoint slices: defaults, faults, what may stay, topology, warnings.

use k8s_api::{Kind, discovery::v1::EndpointSlice};
use serde_json::{Value, json};

use super::{drop_topology, set_defaults, validate, validate_update, warnings_on_create, warnings_on_update};
use crate::common::testing::{gates, object, stored, texts};

fn slice(type_: &str, endpoints: &Value) -> EndpointSlice {
    let mut slice = object(json!({"addressType": type_, "endpoints": endpoints, "ports": [{"port": 80}]}));
    set_defaults(&mut slice);
    slice
}

#[test]
fn defaults() {
    let value = slice("IPv4", &json!([])).to_value();
    assert_eq!(value["ports"], json!([{"name": "", "port": 80, "protocol": "TCP"}]));
}

#[test]
fn faults() {
    let cases: &[(EndpointSlice, &[&str])] = &[
        (slice("IPv4", &json!([{"addresses": ["192.0.2.1"]}])), &[]),
        (slice("", &json!([])), &["addressType: Required value"]),
        (
            slice("IPX", &json!([])),
            &[r#"addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6""#],
        ),
        (
            slice("IPv4", &json!([{"addresses": ["2001:db8::1", "127.0.0.1"]}, {}])),
            &[
                r#"endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address"#,
                r#"endpoints[0].addresses[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
                "endpoints[1].addresses: Required value: must contain at least 1 address",
            ],
        ),
        (
            slice("IPv6", &json!([{"addresses": ["x"]}])),
            &[
                r#"endpoints[0].addresses[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        ),
        (
            slice("FQDN", &json!([{"addresses": ["a", ""]}])),
            &[
                r#"endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots"#,
                "endpoints[0].addresses[1]: Required value",
            ],
        ),
        (
            slice(
                "IPv4",
                &json!([{"addresses": ["192.0.2.1"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}]}}]),
            ),
            &[r#"endpoints[0].hints.forZones[1].name: Duplicate value: "a""#],
        ),
    ];
    for (slice, expected) in cases {
        assert_eq!(texts(&validate(slice, &gates())), *expected, "of {slice:?}");
    }
    let mut ports = slice("IPv4", &json!([]));
    ports.ports.push(ports.ports[0].clone());
    ports.ports[1].protocol = Some("ICMP".into());
    assert_eq!(
        texts(&validate(&ports, &gates())),
        [
            r#"ports[1].name: Duplicate value: """#,
            r#"ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#,
        ]
    );
}

#[test]
fn faulty_endpoints_may_stay() {
    let old = stored(slice("IPv4", &json!([{"addresses": ["127.0.0.1"]}])));
    assert_eq!(texts(&validate_update(&old, &old, &gates())), [""; 0]);
    let mut new = old.clone();
    new.address_type = "IPv6".into();
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        [r#"addressType: Invalid value: "IPv6": field is immutable"#]
    );
}

#[test]
fn topology_is_dropped() {
    let endpoint = |topology: Value| json!([{"addresses": ["192.0.2.1"], "deprecatedTopology": topology}]);
    let old = slice("IPv4", &endpoint(json!({"kubernetes.io/hostname": "n1", "x": "y"})));
    let mut same = old.clone();
    drop_topology(&mut same, Some(&old));
    assert_eq!(same, old);
    let mut changed = slice("IPv4", &endpoint(json!({"kubernetes.io/hostname": "n1"})));
    drop_topology(&mut changed, Some(&old));
    assert_eq!(changed.endpoints[0].node_name.as_deref(), Some("n1"));
    assert!(changed.endpoints[0].deprecated_topology.is_empty());
    let mut new = slice("IPv4", &endpoint(json!({"kubernetes.io/hostname": "n1"})));
    drop_topology(&mut new, None);
    assert_eq!(new.endpoints[0].node_name, None);
}

#[test]
fn warns() {
    assert_eq!(
        warnings_on_create(&slice("FQDN", &json!([{"addresses": ["a.example.com"]}]))),
        ["spec.addressType: FQDN endpoints are deprecated"]
    );
    let mut odd = slice("IPv4", &json!([{"addresses": ["010.0.0.1"]}]));
    assert_eq!(
        warnings_on_update(&odd),
        [r#"endpoints[0].addresses[0]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#]
    );
    odd.metadata.labels.insert(
        "endpointslice.kubernetes.io/managed-by",
        "endpointslice-controller.k8s.io".to_owned(),
    );
    assert_eq!(warnings_on_update(&odd), [""; 0]);
}
