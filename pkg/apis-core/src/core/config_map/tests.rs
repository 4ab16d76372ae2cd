//! Faults of config maps, word for word.

use k8s_api::{Kind, core::v1::ConfigMap};
use serde_json::{Value, json};

use super::{MAX_DATA_SIZE, validate, validate_update};

fn map(members: Value) -> ConfigMap {
    let mut value = json!({"metadata": {"name": "demo", "namespace": "default", "resourceVersion": "1"}});
    let object = value.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    ConfigMap::from_value(value).expect("a config map")
}

#[test]
fn keys_and_size() {
    let cases = [
        (json!({"data": {"a": "b"}}), ""),
        (
            json!({"data": {"color": "b"}, "binaryData": {"color": "aGk="}}),
            r#"data[color]: Invalid value: "color": duplicate of key present in binaryData"#,
        ),
        (
            json!({"binaryData": {"a key": "aGk="}}),
            r#"binaryData[a key]: Invalid value: "a key": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"#,
        ),
        (
            json!({"data": {"a": "x".repeat(MAX_DATA_SIZE + 1)}}),
            "[]: Too long: may not be more than 1048576 bytes",
        ),
    ];
    for (members, text) in cases {
        assert_eq!(validate(&map(members)).to_string(), text);
    }
}

#[test]
fn an_immutable_map_stays() {
    let old = map(json!({"immutable": true, "data": {"a": "b"}}));
    assert_eq!(validate_update(&old, &old).to_string(), "");
    assert_eq!(
        validate_update(&map(json!({"binaryData": {"x": "aGk="}})), &old).to_string(),
        "[immutable: Forbidden: field is immutable when `immutable` is set, \
         data: Forbidden: field is immutable when `immutable` is set, \
         binaryData: Forbidden: field is immutable when `immutable` is set]"
    );
}
