//! Ranges of service addresses: faults.

use k8s_api::networking::v1::ServiceCIDR;
use serde_json::json;

use super::{validate, validate_update};
use crate::common::testing::{cluster_object, stored, texts};

fn range(cidrs: &[&str]) -> ServiceCIDR {
    cluster_object(json!({"spec": {"cidrs": cidrs}}))
}

#[test]
fn faults() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["10.96.0.0/16", "fd00::/112"], &[]),
        (&[], &["spec.cidrs: Required value: at least one CIDR required"]),
        (
            &["10.0.0.0/24", "10.0.1.0/24", "fd00::/112"],
            &[
                r#"spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/24","10.0.1.0/24","fd00::/112"]}: may only hold up to 2 values"#,
            ],
        ),
        (
            &["banana"],
            &[
                r#"spec.cidrs[0]: Invalid value: "banana": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
            ],
        ),
        (
            &["198.51.100.0/24", "203.0.113.0/24"],
            &[
                r#"spec.cidrs: Invalid value: ["198.51.100.0/24","203.0.113.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"#,
            ],
        ),
    ];
    for (cidrs, expected) in cases {
        assert_eq!(texts(&validate(&range(cidrs))), *expected, "of {cidrs:?}");
    }
}

#[test]
fn a_second_family_may_come() {
    let old = stored(range(&["10.96.0.0/16"]));
    let check = |cidrs: &[&str]| texts(&validate_update(&stored(range(cidrs)), &old));
    assert_eq!(check(&["10.96.0.0/16", "fd00::/112"]), [""; 0]);
    assert_eq!(
        check(&["10.97.0.0/16"]),
        [r#"spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable"#]
    );
    assert_eq!(
        check(&["10.97.0.0/16", "x"]),
        [
            r#"spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable"#,
            r#"spec.cidrs[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
        ]
    );
    assert_eq!(check(&[]), ["spec.cidrs: Invalid value: null: field is immutable"]);
}
