//! Formats, rotation and refusals of encryption at rest.

use bytes::Bytes;

use super::{EncryptionConfig, TransformError, Transformers};

const KEY: &[u8] = b"/registry/secrets/default/a";
const VALUE: &[u8] = br#"{"kind":"Secret"}"#;
/// The bytes 0 to 31, and 32 times 1.
const SECRET_A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECRET_B: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn config(resources: &str, providers: &str) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [{resources}]\n  \
         providers: [{providers}]\n"
    )
}

fn provider(kind: &str, keys: &[(&str, &str)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(name, secret)| format!("{{name: {name}, secret: '{secret}'}}"))
        .collect();
    format!("{{{kind}: {{keys: [{}]}}}}", keys.join(", "))
}

fn parse(resources: &str, providers: &[String]) -> Transformers {
    EncryptionConfig::parse(&config(resources, &providers.join(", "))).expect("the configuration is sound")
}

fn refusal(text: &str) -> String {
    EncryptionConfig::parse(text)
        .expect_err("the configuration is refused")
        .to_string()
}

#[test]
fn values_of_other_implementations_are_read() {
    let cases = [
        (
            "aesgcm",
            "000102030405060708090a0b3c20bd72ab81e021af12f2e8c38c0c4ffe1088c8292577bb0a7c5fec9690e03563",
            &VALUE[..16],
        ),
        (
            "aescbc",
            "000102030405060708090a0b0c0d0e0f1e99f42a87db9ef8ab2a289efc82058d9b6df3c3b806157e27663d659124bb7a",
            &VALUE[..16],
        ),
    ];
    for (kind, stored, _) in cases {
        let transformers = parse("secrets", &[provider(kind, &[("key1", SECRET_A)])]);
        let stored = [
            format!("k8s:enc:{kind}:v1:key1:").as_bytes(),
            &hex::decode(stored).expect("hex"),
        ]
        .concat();
        let read = transformers
            .for_resource("", "secrets")
            .read(stored.into(), KEY)
            .expect("it can be read");
        assert_eq!((&read.value[..], read.stale), (VALUE, false), "{kind}");
    }
}

#[test]
fn secretbox_has_the_layout_of_nacl() {
    // The first vector of NaCl's own tests (tests/secretbox.c).
    let key = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
    let nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
    let boxed = "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011\
                 ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a\
                 9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";
    let plain = "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314a\
                 db310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
    let bytes = |text: &str| hex::decode(text.replace(' ', "")).expect("hex");
    let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes(key));
    let transformers = parse("secrets", &[provider("secretbox", &[("k", &secret)])]);
    let stored = [b"k8s:enc:secretbox:v1:k:".to_vec(), bytes(nonce), bytes(boxed)].concat();
    let read = transformers
        .for_resource("", "secrets")
        .read(stored.into(), KEY)
        .expect("it can be read");
    assert_eq!(hex::encode(&read.value), plain.replace(' ', ""));
}

#[test]
fn what_is_written_is_read() {
    for kind in ["aesgcm", "aescbc", "secretbox"] {
        let transformers = parse("secrets", &[provider(kind, &[("key1", SECRET_A)])]);
        let transformer = transformers.for_resource("", "secrets");
        for length in [0, 1, 15, 16, 17, 8000] {
            let value = Bytes::from(vec![7; length]);
            let stored = transformer.write(value.clone(), KEY).expect("it is written");
            assert!(stored.starts_with(format!("k8s:enc:{kind}:v1:key1:").as_bytes()));
            assert_ne!(
                stored,
                transformer.write(value.clone(), KEY).expect("it is written"),
                "nonces differ"
            );
            let read = transformer.read(stored, KEY).expect("it is read");
            assert_eq!((read.value, read.stale), (value, false), "{kind} {length}");
        }
    }
}

#[test]
fn every_aes_key_size_works() {
    for secret in ["AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", SECRET_A] {
        for kind in ["aesgcm", "aescbc"] {
            let transformers = parse("secrets", &[provider(kind, &[("k", secret)])]);
            let transformer = transformers.for_resource("", "secrets");
            let stored = transformer.write(Bytes::from(VALUE), KEY).expect("it is written");
            assert_eq!(&transformer.read(stored, KEY).expect("it is read").value[..], VALUE);
        }
    }
}

#[test]
fn a_moved_or_changed_value_is_refused() {
    let failures = [
        ("aesgcm", "cipher: message authentication failed", true),
        ("secretbox", "output array was not large enough for encryption", false),
    ];
    for (kind, message, bound_to_key) in failures {
        let transformers = parse("secrets", &[provider(kind, &[("k", SECRET_A)])]);
        let transformer = transformers.for_resource("", "secrets");
        let stored = transformer.write(Bytes::from(VALUE), KEY).expect("it is written");
        let mut changed = stored.to_vec();
        *changed.last_mut().expect("it is not empty") ^= 1;
        let error = transformer.read(changed.into(), KEY).expect_err("it was changed");
        assert_eq!(error, TransformError::One(message.to_owned()));
        assert_eq!(
            transformer.read(stored, b"/registry/secrets/default/b").is_err(),
            bound_to_key
        );
    }
}

#[test]
fn short_and_broken_values_are_refused() {
    let short = "the stored data was shorter than the required size";
    let cases: [(&str, &[u8], &str); 7] = [
        ("aesgcm", b"", short),
        ("aesgcm", b"01234567890", short),
        ("aescbc", b"0123456789", short),
        (
            "aescbc",
            b"0123456789abcdefX",
            "the stored data is not a multiple of the block size",
        ),
        (
            "aescbc",
            b"0123456789abcdef",
            "invalid PKCS7 data (empty or not padded)",
        ),
        (
            "aescbc",
            b"0123456789abcdef0123456789abcdef",
            "invalid padding on input",
        ),
        ("secretbox", b"0123456789abcdef0123456789abcdef0123456", short),
    ];
    for (kind, data, message) in cases {
        let transformers = parse("secrets", &[provider(kind, &[("k", SECRET_A)])]);
        let stored = [format!("k8s:enc:{kind}:v1:k:").as_bytes(), data].concat();
        let error = transformers
            .for_resource("", "secrets")
            .read(stored.into(), KEY)
            .expect_err("it is broken");
        assert_eq!(error.to_string(), message, "{kind} {data:?}");
    }
}

#[test]
fn rotated_keys_read_and_are_stale() {
    let old = parse("secrets", &[provider("aescbc", &[("one", SECRET_A)])]).for_resource("", "secrets");
    let stored = old.write(Bytes::from(VALUE), KEY).expect("it is written");
    let plain = Bytes::from(VALUE);
    let rotations = [
        parse(
            "secrets",
            &[provider("aescbc", &[("two", SECRET_B), ("one", SECRET_A)])],
        ),
        parse(
            "secrets",
            &[
                provider("aescbc", &[("two", SECRET_B)]),
                provider("aescbc", &[("one", SECRET_A)]),
            ],
        ),
        parse(
            "secrets",
            &[
                provider("aesgcm", &[("two", SECRET_B)]),
                provider("aescbc", &[("one", SECRET_A)]),
            ],
        ),
        parse(
            "secrets",
            &["{identity: {}}".to_owned(), provider("aescbc", &[("one", SECRET_A)])],
        ),
        // The same name with another secret first: the failure of one key does not end the search.
        parse(
            "secrets",
            &[provider("aescbc", &[("one", SECRET_B), ("one", SECRET_A)])],
        ),
    ];
    for (number, rotation) in rotations.iter().enumerate() {
        let transformer = rotation.for_resource("", "secrets");
        let read = transformer.read(stored.clone(), KEY).expect("it can be read");
        assert_eq!((&read.value[..], read.stale), (VALUE, true), "{number}");
        let rewritten = transformer.write(plain.clone(), KEY).expect("it is written");
        assert!(!transformer.read(rewritten, KEY).expect("it is read").stale, "{number}");
    }
    let encrypting = parse(
        "secrets",
        &[provider("aesgcm", &[("k", SECRET_A)]), "{identity: {}}".to_owned()],
    );
    let read = encrypting
        .for_resource("", "secrets")
        .read(plain.clone(), KEY)
        .expect("plain values are read");
    assert_eq!((read.value, read.stale), (plain, true));
}

#[test]
fn unreadable_values_say_why() {
    let encrypted = Bytes::from("k8s:enc:aesgcm:v1:other:data");
    let cases = [
        (
            vec![provider("aesgcm", &[("k", SECRET_A)])],
            "no matching key was found for the provided AES transformer",
        ),
        (
            vec![provider("secretbox", &[("k", SECRET_A)])],
            "no matching prefix found",
        ),
        (vec!["{identity: {}}".to_owned()], "no matching prefix found"),
        (
            vec![
                provider("aesgcm", &[("other", SECRET_A)]),
                provider("aesgcm", &[("k", SECRET_A)]),
            ],
            "[the stored data was shorter than the required size, no matching key was found for the provided AES transformer]",
        ),
    ];
    for (providers, message) in cases {
        let transformer = parse("secrets", &providers).for_resource("", "secrets");
        assert_eq!(
            transformer
                .read(encrypted.clone(), KEY)
                .expect_err("it is unreadable")
                .to_string(),
            message
        );
    }
    let unconfigured = Transformers::default().for_resource("", "secrets");
    let error = unconfigured.read(encrypted, KEY).expect_err("it is encrypted");
    assert_eq!(error.to_string(), "identity transformer tried to read encrypted data");
    assert!(!unconfigured.read(Bytes::from(VALUE), KEY).expect("it is plain").stale);
}

#[test]
fn resources_are_matched_from_the_most_particular() {
    let one = |resources: &str, name: &str| {
        format!(
            "- resources: [{resources}]\n  providers: [{}]\n",
            provider("secretbox", &[(name, SECRET_A)])
        )
    };
    let text = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n".to_owned()
        + &one("secrets, deployments.apps", "exact")
        + &one("'*.apps'", "group")
        + &one("'*.'", "core")
        + &one("'*.*'", "all");
    let transformers = EncryptionConfig::parse(&text).expect("the configuration is sound");
    let cases = [
        ("", "secrets", "exact"),
        ("apps", "deployments", "exact"),
        ("apps", "replicasets", "group"),
        ("", "pods", "core"),
        ("batch", "jobs", "all"),
        ("apps", "secrets", "group"),
    ];
    for (group, resource, name) in cases {
        let stored = transformers
            .for_resource(group, resource)
            .write(Bytes::from(VALUE), KEY)
            .expect("it is written");
        assert!(
            stored.starts_with(format!("k8s:enc:secretbox:v1:{name}:").as_bytes()),
            "{resource}.{group}"
        );
    }
}

#[test]
fn bad_configurations_are_refused() {
    let identity = "{identity: {}}";
    let aes = |keys: &str| format!("{{aesgcm: {{keys: [{keys}]}}}}");
    let path = "resources[0].providers[0]";
    let cases = [
        (config("", identity), "resources[0].resources: Required value: at least one resources[0].resources is required".to_owned()),
        (config("pods", ""), "resources[0].providers: Required value: at least one resources[0].providers is required".to_owned()),
        (
            config("pods", "{}"),
            format!(
                "{path}: Invalid value: {{}}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, \
                 Secretbox, Identity"
            ),
        ),
        (
            config("pods", &format!("{{identity: {{}}, aesgcm: {{keys: [{{name: a, secret: '{SECRET_A}'}}]}}}}")),
            format!(
                "{path}: Invalid value: {{}}: more than one provider specified in a single element, should split into \
                 different list elements"
            ),
        ),
        (config("pods", &aes("")), format!("{path}.aesgcm.keys: Required value: at least one keys is required")),
        (
            config("pods", &aes("{secret: YQ==}")),
            format!(
                "[{path}.aesgcm.keys[0].name: Required value: name is a mandatory field for a key, \
                 {path}.aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 1, \
                 expected one of [16 24 32]]"
            ),
        ),
        (
            config("pods", &aes("{name: a, secret: '%'}")),
            format!("{path}.aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secrets must be base64 encoded"),
        ),
        (
            config("pods", "{kms: {apiVersion: v2, name: vault, endpoint: 'unix:///kms.sock', timeout: 3s}}"),
            format!("{path}.kms: Invalid value: \"vault\": KMS providers are not supported by this server"),
        ),
        (
            config("Pods", identity),
            "resources[0].resources[0]: Invalid value: \"Pods\": resource name should not contain capital letters".to_owned(),
        ),
        (
            config("'*'", identity),
            "resources[0].resources[0]: Invalid value: \"*\": use '*.' to encrypt all the resources from core API group or *.* to \
             encrypt all resources"
                .to_owned(),
        ),
        (
            config("pods, pods", identity),
            "resources[0].resources: Invalid value: [\"pods\",\"pods\"]: the same resource cannot be specified multiple times"
                .to_owned(),
        ),
        (
            config("secrets, '*.'", identity),
            "resources[0].resources: Invalid value: [\"secrets\",\"*.\"]: using overlapping resources such as 'secrets' and '*.' in \
             the same resource list is not allowed as they will be masked"
                .to_owned(),
        ),
        (
            config("'pods.*'", identity),
            "resources[0].resources[0]: Invalid value: \"pods.*\": encrypting the same resource across groups is not supported"
                .to_owned(),
        ),
        (
            config("'*.*'", identity) + "- resources: [secrets]\n  providers: [{identity: {}}]\n",
            "resource \"secrets\" is masked by earlier rule \"*.*\"".to_owned(),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(&text), message, "{text}");
    }
}

#[test]
fn decoding_is_strict_and_keeps_secrets() {
    let unknown = refusal(&config("pods", "{identity: {}, vault: {}}"));
    assert!(
        unknown.contains("unknown field") && unknown.contains("vault"),
        "{unknown}"
    );
    let unknown = refusal(&config(
        "pods",
        &format!("{{aesgcm: {{keys: [{{name: a, secret: '{SECRET_A}', size: 1}}]}}}}"),
    ));
    assert!(unknown.contains("size") && !unknown.contains(SECRET_A), "{unknown}");
    let kind = refusal("apiVersion: v1\nkind: Secret\n");
    assert_eq!(
        kind,
        "error decoding encryption provider configuration file: no kind \"Secret\" is registered for version \"v1\""
    );
    let missing = EncryptionConfig::load(std::path::Path::new("/nonexistent.yaml")).expect_err("there is no such file");
    assert_eq!(
        missing.to_string(),
        "error reading encryption provider configuration file \"/nonexistent.yaml\""
    );
}
