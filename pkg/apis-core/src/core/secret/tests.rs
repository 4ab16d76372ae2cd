//! Faults of secrets, word for word, and the warnings about key pairs.

use k8s_api::{Kind, core::v1::Secret};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings};

fn secret(members: Value) -> Secret {
    let mut value = json!({"metadata": {"name": "demo", "namespace": "default", "resourceVersion": "1"}});
    let object = value.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    let mut secret = Secret::from_value(value).expect("a secret");
    set_defaults(&mut secret);
    secret
}

#[test]
fn string_data_wins() {
    let secret = secret(json!({"data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}}));
    assert_eq!(secret.type_, "Opaque");
    assert_eq!(&secret.data["a"][..], b"new");
    assert_eq!(&secret.data["b"][..], b"b");
    assert!(secret.string_data.is_empty());
}

#[test]
fn what_types_demand() {
    let cases = [
        (json!({"type": "my/own"}), ""),
        (
            json!({"type": "kubernetes.io/service-account-token"}),
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ),
        (
            json!({"type": "kubernetes.io/basic-auth"}),
            "[data[username]: Required value, data[password]: Required value]",
        ),
        (
            json!({"type": "kubernetes.io/basic-auth", "stringData": {"password": ""}}),
            "",
        ),
        (
            json!({"type": "kubernetes.io/ssh-auth"}),
            "data[ssh-privatekey]: Required value",
        ),
        (
            json!({"type": "kubernetes.io/tls"}),
            "[data[tls.crt]: Required value, data[tls.key]: Required value]",
        ),
        (
            json!({"type": "kubernetes.io/dockercfg"}),
            "data[.dockercfg]: Required value",
        ),
        (
            json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}}),
            r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input"#,
        ),
        (
            json!({"type": "kubernetes.io/dockercfg", "stringData": {".dockercfg": "[]"}}),
            r#"data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}"#,
        ),
        (
            json!({"stringData": {"a": "x".repeat(1024 * 1024 + 1)}}),
            "data: Too long: may not be more than 1048576 bytes",
        ),
    ];
    for (members, text) in cases {
        assert_eq!(validate(&secret(members)).to_string(), text);
    }
}

#[test]
fn updates() {
    let old = secret(json!({"immutable": true, "stringData": {"a": "b"}}));
    assert_eq!(
        validate_update(&secret(json!({"type": "other"})), &old).to_string(),
        r#"[type: Invalid value: "other": field is immutable, immutable: Forbidden: field is immutable when `immutable` is set, data: Forbidden: field is immutable when `immutable` is set]"#
    );
}

#[test]
fn key_pairs() {
    let pair = |key: &rcgen::KeyPair| {
        let certificate = rcgen::CertificateParams::new(vec!["demo".to_owned()])
            .and_then(|params| params.self_signed(key))
            .expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    };
    let key = || rcgen::KeyPair::generate().expect("a key");
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let ((certificate, fitting), (_, other)) = (pair(&key()), pair(&key()));
    let foreign = pair(&ed25519).1;
    for (certificate, key, warning) in [
        (&*certificate, &*fitting, None),
        (
            &*certificate,
            &*other,
            Some("tls: private key does not match public key"),
        ),
        (
            &*certificate,
            &*foreign,
            Some("tls: private key type does not match public key type"),
        ),
        (
            &*fitting,
            &*certificate,
            Some(
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
            ),
        ),
        (&*certificate, "", Some("tls: failed to find any PEM data in key input")),
        (
            "hello",
            &*fitting,
            Some("tls: failed to find any PEM data in certificate input"),
        ),
        (
            &*certificate,
            &*certificate,
            Some("tls: found a certificate rather than a key in the PEM for the private key"),
        ),
    ] {
        let members = json!({"type": "kubernetes.io/tls", "stringData": {"tls.crt": certificate, "tls.key": key}});
        assert_eq!(warnings(&secret(members)), warning.into_iter().collect::<Vec<_>>());
    }
}
