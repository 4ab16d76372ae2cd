//! Tests of the encoding, byte for byte on small values.

use serde_json::{Value, json};

use super::{Message, encode, v2, v3};

fn bytes(value: &Value, message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, message, &mut out);
    out
}

/// A field with a length in front.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short contents");
    let tag = u16::from(number) << 3 | 2;
    let mut out = if tag < 128 {
        vec![u8::try_from(tag).expect("a small tag")]
    } else {
        vec![
            u8::try_from(tag & 0x7f).expect("seven bits") | 0x80,
            u8::try_from(tag >> 7).expect("a small tag"),
        ]
    };
    out.push(length);
    out.extend_from_slice(content);
    out
}

#[test]
fn schemas_become_messages() {
    let schema = json!({
        "description": "d",
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "x-kubernetes-list-type": "map",
    });
    let string = field(22, &field(1, b"string"));
    let property = [field(1, b"a"), field(2, &string)].concat();
    let extension = [field(1, b"x-kubernetes-list-type"), field(2, &field(2, b"\"map\"\n"))].concat();
    let expected = [
        field(4, b"d"),
        field(22, &field(1, b"object")),
        field(25, &field(1, &property)),
        field(31, &extension),
    ]
    .concat();
    assert_eq!(bytes(&schema, &v2::SCHEMA), expected);
}

#[test]
fn properties_may_be_named_like_keywords() {
    let schema = json!({"properties": {"$ref": {"type": "string"}, "x-a": {"type": "string"}}});
    let string = field(22, &field(1, b"string"));
    let named = |name: &[u8]| field(1, &[field(1, name), field(2, &string)].concat());
    let expected = field(25, &[named(b"$ref"), named(b"x-a")].concat());
    assert_eq!(bytes(&schema, &v2::SCHEMA), expected);
}

#[test]
fn parameters_choose_their_message() {
    let query = json!({"name": "n", "in": "query", "uniqueItems": true});
    let inner = [field(2, b"query"), field(4, b"n"), vec![0xa0, 0x01, 1]].concat();
    assert_eq!(bytes(&query, &v2::PARAMETER), field(2, &field(3, &inner)));
    let body = json!({"name": "b", "in": "body", "required": true});
    let inner = [field(2, b"b"), field(3, b"body"), vec![0x20, 1]].concat();
    assert_eq!(bytes(&body, &v2::PARAMETER), field(1, &inner));
}

#[test]
fn version_3_tells_references_and_defaults_apart() {
    let reference = json!({"$ref": "#/r"});
    assert_eq!(bytes(&reference, &v3::SCHEMA_OR_REFERENCE), field(2, &field(1, b"#/r")));
    for (default, message) in [
        (json!("x"), field(3, b"x")),
        (json!(true), vec![0x10, 1]),
        (json!(1), [vec![0x09], 1_f64.to_le_bytes().to_vec()].concat()),
        (json!({}), Vec::new()),
    ] {
        let schema = json!({"default": default});
        assert_eq!(
            bytes(&schema, &v3::SCHEMA_OR_REFERENCE),
            field(1, &field(33, &message)),
            "{default}"
        );
    }
}

#[test]
fn long_contents_get_long_lengths() {
    let text = "x".repeat(300);
    let encoded = bytes(&json!({"description": text}), &v2::SCHEMA);
    assert_eq!(encoded[..3], [0x22, 0xac, 0x02]);
    assert_eq!(encoded.len(), 303);
}
