//! Valid and invalid names, and the messages about them.

use super::*;
use crate::field::Path;

type Check = fn(&str) -> Messages;

#[test]
fn accepts_and_refuses() {
    let long = "a".repeat(64);
    let very_long = "a".repeat(254);
    let cases: &[(Check, &[&str], &[&str])] = &[
        (
            dns1123_label,
            &["a", "0", "a-1", "a--b"],
            &["", "A", "-a", "a-", "a.b", "a_b", " ", &long],
        ),
        (
            dns1123_subdomain,
            &["a", "a.b", "1.2.3"],
            &["", ".", "a..b", "a.", "A.a", "a_b", &very_long],
        ),
        (
            dns1123_subdomain_with_underscore,
            &["_a.b", "a_b.c"],
            &["__a", "a_", "_", ""],
        ),
        (
            wildcard_dns1123_subdomain,
            &["*.a.b"],
            &["*", "*.", "*.*.a", "a.*", "*a"],
        ),
        (dns1035_label, &["a", "a1-b"], &["1a", "-", "a-", "", &long]),
        (
            qualified_name,
            &["a", "A.b_c", "x.io/Y", "1/2"],
            &["", "/a", "a/", "a/b/c", "X.io/a", "-a", &long],
        ),
        (label_value, &["", "a", "A_b.c-1"], &["-", "a-", "_a", "a b", &long]),
        (c_identifier, &["_", "aB_1"], &["", "1a", "a-b"]),
        (env_var_name, &["a.b-c", "_X1"], &["", "1a", "a=b", ".", "..", "..a"]),
        (relaxed_env_var_name, &["1 a!", "a"], &["", "=", "é", "\t"]),
        (
            config_map_key,
            &[".a", "A-1_b", "..."],
            &["", "a/b", ".", "..", "..a", &very_long],
        ),
        (
            port_name,
            &["http", "a-1", "1a"],
            &["", "1", "A", "a--b", "-a", "a-", "abcdefghijklmnop"],
        ),
        (percent, &["0%", "100%"], &["", "%", "1", "1.5%", "-1%"]),
        (http_header_name, &["X-A"], &["", "a b", "a:b"]),
        (http_path, &["a/b%20"], &["", "a b", "a?b"]),
        (
            decimal_integer,
            &["0", "-5", "12345678901234567890"],
            &["", "-", "-0", "01", "+1", "1.0"],
        ),
        (path_segment_name, &["", "a:b", "..."], &[".", "..", "a/b", "a%b"]),
    ];
    for (row, (check, good, bad)) in cases.iter().enumerate() {
        for value in *good {
            // A key of three dots starts with two.
            let allowed = row == 10 && *value == "...";
            assert!(
                check(value).is_empty() || allowed,
                "{row}: {value:?}: {:?}",
                check(value)
            );
        }
        for value in *bad {
            assert!(!check(value).is_empty(), "{row}: {value:?}");
        }
    }
}

#[test]
fn words() {
    assert_eq!(
        dns1123_label("A"),
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(dns1123_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
    assert_eq!(
        dns1123_subdomain("_"),
        [
            r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        qualified_name("/"),
        [
            "prefix part must be non-empty",
            "name part must be non-empty",
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ]
    );
    assert_eq!(
        qualified_name("a/b/c"),
        [
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    );
    assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
    assert_eq!(
        http_path("?"),
        [r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')"]
    );
    assert_eq!(path_segment_name("a/%"), ["may not contain '/'", "may not contain '%'"]);
}

#[test]
fn generated_names() {
    let name = generate_name(&"x".repeat(80));
    assert_eq!(name.len(), 63);
    assert!(name.starts_with(&"x".repeat(58)));
    assert!(name[58..].bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b)));
    assert!(generate_name(&"é".repeat(40)).starts_with(&"é".repeat(29)));
    assert_eq!(mask_trailing_dash("ab-"), "aa");
    assert_eq!(mask_trailing_dash("-"), "-");
    assert_eq!(mask_trailing_dash("ab"), "ab");
}

#[test]
fn addresses() {
    let path = Path::new("ip");
    for (value, strict, legacy) in [
        ("10.0.0.1", "", ""),
        ("2001:db8::1", "", ""),
        ("010.0.0.1", "must not have leading 0s", ""),
        ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address", ""),
        ("2001:DB8:0::1", r#"must be in canonical form ("2001:db8::1")"#, ""),
        ("00001::", "must not have leading 0s", ""),
        (
            "10.0.0",
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "same",
        ),
        (
            "fe80::1%eth0",
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "same",
        ),
        (
            "10.0.0.256",
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "same",
        ),
    ] {
        let errors = validate_ip(&path, value);
        assert_eq!(errors.first().map_or("", |e| e.detail.as_str()), strict, "{value}");
        assert_eq!(
            validate_legacy_ip(&path, value, false, &[]).is_empty(),
            legacy.is_empty(),
            "{value}"
        );
        assert!(validate_legacy_ip(&path, value, true, &[value]).is_empty());
    }
    assert_eq!(
        ip_warnings(&path, "010.0.0.1").as_deref(),
        Some(r#"ip: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#)
    );
    assert_eq!(
        ip_warnings(&path, "FE80::1").as_deref(),
        Some(r#"ip: IPv6 address "FE80::1" should be in RFC 5952 canonical format ("fe80::1")"#)
    );
    assert_eq!(ip_warnings(&path, "10.0.0.1"), None);
}

#[test]
fn networks() {
    let path = Path::new("cidr");
    for (value, detail) in [
        ("10.0.0.0/8", ""),
        ("2001:db8::/64", ""),
        ("0.0.0.0/0", ""),
        ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("::ffff:1.2.3.0/120", "must not have an IPv4-mapped IPv6 address"),
        ("2001:DB8::/64", r#"must be in canonical form ("2001:db8::/64")"#),
        (
            "10.0.0.0/33",
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ),
        (
            "10.0.0.0",
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ),
    ] {
        let errors = validate_cidr(&path, value);
        assert_eq!(errors.first().map_or("", |e| e.detail.as_str()), detail, "{value}");
    }
    assert!(validate_legacy_cidr(&path, "010.0.0.1/08", false, &[]).is_empty());
    assert_eq!(
        cidr_warnings(&path, "10.1.2.3/8"),
        [r#"cidr: CIDR value "10.1.2.3/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.1.2.3/32"?)"#]
    );
    assert_eq!(
        cidr_warnings(&path, "::ffff:1.2.3.0/120"),
        [r#"cidr: non-standard CIDR value "::ffff:1.2.3.0/120" is invalid: use "1.2.3.0/24""#]
    );
    assert!(validate_interface_address(&path, "192.168.1.5/24").is_empty());
    assert_eq!(
        validate_interface_address(&path, "::ffff:192.168.0.1/120")[0].detail,
        r#"must be in canonical form ("192.168.0.1/24")"#
    );
}
