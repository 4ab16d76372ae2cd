//! Bytes of real objects, a round trip through every built-in type, and broken input.

use k8s_api::reflect::{StructType, Type, TypeId};
use serde_json::{Value, json};

use super::*;
use crate::codec::testing::{Random, Samples};

/// A message written out by hand.
enum W {
    I(i64),
    S(&'static str),
    M(Vec<(u32, W)>),
}
use W::{I, M, S};

fn bytes(fields: &[(u32, W)]) -> Vec<u8> {
    let mut out = ReverseBuffer::default();
    for (number, value) in fields.iter().rev() {
        match value {
            I(n) => out.varint_field(*number, n.cast_unsigned()),
            S(text) => out.bytes_field(*number, text.as_bytes()),
            M(inner) => out.bytes_field(*number, &bytes(inner)),
        }
    }
    out.into_vec()
}

fn id(definition: &str) -> TypeId {
    k8s_api::definition(definition).unwrap_or_else(|| panic!("{definition} is built in"))
}

fn codec() -> &'static ProtobufCodec<'static> {
    ProtobufCodec::builtin()
}

fn encodes(definition: &str, value: &Value, expected: &[(u32, W)]) {
    let encoded = codec().encode_message(id(definition), value).expect("the value fits");
    assert_eq!(encoded, bytes(expected), "{definition}");
    assert_eq!(
        codec().decode_message(id(definition), &encoded).as_ref(),
        Ok(value),
        "{definition}"
    );
}

#[test]
fn scalars_by_value_are_always_written() {
    encodes(
        "io.k8s.api.core.v1.ContainerPort",
        &json!({"containerPort": 80}),
        &[(1, S("")), (2, I(0)), (3, I(80)), (4, S("")), (5, S(""))],
    );
    encodes(
        "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
        &json!({
            "metadata": {}, "status": "Success", "details": {"name": "demo", "kind": "configmaps", "uid": "7"}
        }),
        &[
            (1, M(vec![(1, S("")), (2, S("")), (3, S(""))])),
            (2, S("Success")),
            (3, S("")),
            (4, S("")),
            (
                5,
                M(vec![
                    (1, S("demo")),
                    (2, S("")),
                    (3, S("configmaps")),
                    (5, I(0)),
                    (6, S("7")),
                ]),
            ),
            (6, I(0)),
        ],
    );
}

#[test]
fn a_service_has_the_bytes_that_upstream_sends() {
    let metadata = vec![
        (1, S("demo")),
        (2, S("")),
        (3, S("ns")),
        (4, S("")),
        (5, S("0b5e")),
        (6, S("42")),
        (7, I(0)),
        (8, M(vec![(1, I(1_735_689_600)), (2, I(0))])),
        (11, M(vec![(1, S("a")), (2, S("1"))])),
        (11, M(vec![(1, S("b")), (2, S(""))])),
        (
            17,
            M(vec![
                (1, S("golden")),
                (2, S("Update")),
                (3, S("v1")),
                (4, M(vec![(1, I(1_735_689_600)), (2, I(0))])),
                (6, S("FieldsV1")),
                (7, M(vec![(1, S(r#"{"f:spec":{".":{},"f:type":{}}}"#))])),
                (8, S("")),
            ]),
        ),
    ];
    let port = vec![
        (1, S("")),
        (2, S("TCP")),
        (3, I(80)),
        (4, M(vec![(1, I(0)), (2, I(80)), (3, S(""))])),
        (5, I(0)),
    ];
    let spec = vec![
        (1, M(port)),
        (2, M(vec![(1, S("app")), (2, S("demo"))])),
        (3, S("10.96.0.7")),
        (4, S("ClusterIP")),
        (7, S("None")),
        (8, S("")),
        (10, S("")),
        (11, S("")),
        (12, I(0)),
        (13, I(0)),
        (17, S("SingleStack")),
        (18, S("10.96.0.7")),
        (19, S("IPv4")),
        (22, S("Cluster")),
    ];
    encodes(
        "io.k8s.api.core.v1.Service",
        &json!({
            "metadata": {
                "name": "demo", "namespace": "ns", "uid": "0b5e", "resourceVersion": "42",
                "creationTimestamp": "2025-01-01T00:00:00Z", "labels": {"a": "1", "b": ""},
                "managedFields": [{
                    "manager": "golden", "operation": "Update", "apiVersion": "v1", "time": "2025-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {".": {}, "f:type": {}}}
                }]
            },
            "spec": {
                "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}], "selector": {"app": "demo"},
                "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "type": "ClusterIP", "sessionAffinity": "None",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"
            },
            "status": {"loadBalancer": {}}
        }),
        &[(1, M(metadata)), (2, M(spec)), (3, M(vec![(1, M(vec![]))]))],
    );
}

#[test]
fn what_json_inlines_is_nested() {
    encodes(
        "io.k8s.api.core.v1.Volume",
        &json!({"name": "v", "configMap": {"name": "c", "defaultMode": 420}}),
        &[
            (1, S("v")),
            (2, M(vec![(19, M(vec![(1, M(vec![(1, S("c"))])), (3, I(420))]))])),
        ],
    );
    encodes(
        "io.k8s.api.core.v1.Volume",
        &json!({"name": "v"}),
        &[(1, S("v")), (2, M(vec![]))],
    );
}

#[test]
fn negative_numbers_take_ten_bytes() {
    let ty = id("io.k8s.api.core.v1.ContainerPort");
    let encoded = codec()
        .encode_message(ty, &json!({"containerPort": -1}))
        .expect("the value fits");
    let mut expected = bytes(&[(1, S("")), (2, I(0))]);
    expected.extend([0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expected.extend(bytes(&[(4, S("")), (5, S(""))]));
    assert_eq!(encoded, expected);
    assert_eq!(codec().decode_message(ty, &encoded), Ok(json!({"containerPort": -1})));
}

#[test]
fn minimal_bodies_of_clients_decode() {
    let mut body = MAGIC.to_vec();
    body.extend(bytes(&[
        (1, M(vec![(1, S("apps/v1")), (2, S("Deployment"))])),
        (
            2,
            M(vec![
                (
                    1,
                    M(vec![(1, S("demo")), (11, M(vec![(1, S("made")), (2, S("by-hand"))]))]),
                ),
                (2, M(vec![(1, I(2)), (99, S("unknown")), (98, I(7))])),
            ]),
        ),
    ]));
    let envelope = Envelope::decode(&body).expect("an envelope");
    assert_eq!(
        (envelope.api_version.as_str(), envelope.kind.as_str()),
        ("apps/v1", "Deployment")
    );
    assert_eq!(
        codec().decode(id("io.k8s.api.apps.v1.Deployment"), &envelope),
        Ok(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "demo", "labels": {"made": "by-hand"}}, "spec": {"replicas": 2}
        }))
    );
}

#[test]
fn bodies_lists_and_watch_frames_are_framed_as_upstream_does() {
    let ty = id("io.k8s.api.core.v1.ConfigMap");
    let value = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let raw = codec().encode_message(ty, &value).expect("the value fits");
    let body = codec().encode(ty, "v1", "ConfigMap", &value).expect("the value fits");
    assert_eq!(body, wrap("v1", "ConfigMap", &raw));
    assert!(body.ends_with(&[0x1a, 0, 0x22, 0]) && body.starts_with(b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12"));

    let meta = codec()
        .encode_message(
            id("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"),
            &json!({"resourceVersion": "9"}),
        )
        .expect("the value fits");
    let list = wrap_list("v1", "ConfigMapList", &meta, [raw.as_slice(), raw.as_slice()]);
    let list_value = json!({"metadata": {"resourceVersion": "9"}, "items": [value, value]});
    let list_ty = id("io.k8s.api.core.v1.ConfigMapList");
    assert_eq!(
        codec()
            .encode(list_ty, "v1", "ConfigMapList", &list_value)
            .expect("the value fits"),
        list
    );

    let frame = watch_frame("ADDED", &body);
    let (event, taken) = next_frame(&frame, 1 << 20)
        .expect("within the limit")
        .expect("a whole frame");
    assert_eq!(taken, frame.len());
    assert_eq!(decode_watch_event(event), Ok(("ADDED".to_owned(), body.as_slice())));
    assert_eq!(next_frame(&frame[..frame.len() - 1], 1 << 20), Ok(None));
    assert_eq!(
        next_frame(&[0xff; 8], 1 << 20),
        Err(FrameTooLarge {
            length: 0xffff_ffff,
            limit: 1 << 20
        })
    );
}

#[test]
fn types_without_wire_form_are_refused() {
    let table = id("io.k8s.apimachinery.pkg.apis.meta.v1.Table");
    assert_eq!(
        codec().encode_message(table, &json!({})).map_err(|e| e.to_string()),
        Err("object *v1.Table does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message".to_owned())
    );
    assert!(codec().is_marshalable(id("io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList")));
}

#[test]
fn misshapen_values_are_refused() {
    let ty = id("io.k8s.api.core.v1.Pod");
    assert_eq!(
        codec().encode_message(ty, &json!({"metadata": {"name": 7}})),
        Err(EncodeError::Shape {
            field: "name".to_owned(),
            expected: "a string",
            found: "a number"
        })
    );
    assert_eq!(
        codec().encode_message(ty, &json!({"metadata": {"creationTimestamp": "noon"}})).map_err(|e| e.to_string()),
        Err("field creationTimestamp: parsing time \"noon\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"noon\" as \"2006\"".to_owned())
    );
}

#[test]
fn broken_input_gets_the_error_that_go_gives() {
    let pod = id("io.k8s.api.core.v1.Pod");
    for (input, error) in [
        (&b""[..], DecodeError::EmptyData),
        (b"{}", DecodeError::MissingPrefix),
        (b"k8s\0", DecodeError::EmptyBody),
        (b"k8s\0\xff\xff\xff", DecodeError::UnexpectedEof),
        (
            b"k8s\0\x08\x01",
            DecodeError::WrongWireType {
                wire_type: 0,
                field: "TypeMeta".to_owned(),
            },
        ),
    ] {
        assert_eq!(Envelope::decode(input), Err(error), "{input:?}");
    }
    let illegal = |number, key| DecodeError::IllegalTag {
        message: "Pod".to_owned(),
        number,
        key,
    };
    for (input, error) in [
        (&b"\x0a\x05a"[..], DecodeError::UnexpectedEof),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            DecodeError::NegativeLength,
        ),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            DecodeError::IntegerOverflow,
        ),
        (
            b"\x08\x01",
            DecodeError::WrongWireType {
                wire_type: 0,
                field: "Metadata".to_owned(),
            },
        ),
        (
            b"\x0c",
            DecodeError::EndGroup {
                message: "Pod".to_owned(),
            },
        ),
        (b"\x00", illegal(0, 0)),
        (b"\xfe\x01\x00", DecodeError::IllegalWireType(6)),
        (b"\xfb\x01\xf4\x01", DecodeError::UnexpectedEof),
    ] {
        let found = codec().decode_message(pod, input);
        if matches!(error, DecodeError::UnexpectedEof) && input.len() == 4 {
            // A group that opens and closes is skipped whole.
            assert_eq!(found, Ok(json!({})), "{input:?}");
        } else {
            assert_eq!(found, Err(error), "{input:?}");
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let props = id("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
    let not = match codec().schema().get(props) {
        Type::Struct(s) => s.field("not").expect("schemas can be negated").proto[0],
        _ => unreachable!("a struct"),
    };
    let nested = |levels: usize| {
        let mut out = ReverseBuffer::default();
        for _ in 0..levels {
            out.close(not, 0);
        }
        out.into_vec()
    };
    let value = codec()
        .decode_message(props, &nested(MAX_DEPTH - 1))
        .expect("within the bound");
    assert!(codec().encode_message(props, &value).is_ok());
    assert_eq!(
        codec().decode_message(props, &nested(MAX_DEPTH)),
        Err(DecodeError::TooDeep(MAX_DEPTH))
    );
}

#[test]
fn lists_of_numbers_may_be_packed() {
    let ty = id("io.k8s.api.core.v1.PodSecurityContext");
    let number = match codec().schema().get(ty) {
        Type::Struct(s) => s.field("supplementalGroups").expect("a field").proto[0],
        _ => unreachable!("a struct"),
    };
    let unpacked = codec()
        .encode_message(ty, &json!({"supplementalGroups": [1, 300]}))
        .expect("the value fits");
    assert_eq!(unpacked, bytes(&[(number, I(1)), (number, I(300))]));
    let mut packed = ReverseBuffer::default();
    packed.bytes_field(number, &[1, 0xac, 0x02]);
    for input in [unpacked, packed.into_vec()] {
        assert_eq!(
            codec().decode_message(ty, &input),
            Ok(json!({"supplementalGroups": [1, 300]}))
        );
    }
}

/// Every built-in type, with its id and random values of it.
fn samples(rounds: u64, mut visit: impl FnMut(TypeId, &StructType, Value)) {
    let schema = k8s_api::builtin_schema();
    for (index, ty) in schema.types.iter().enumerate() {
        let Type::Struct(structure) = ty else { continue };
        let ty = TypeId(u32::try_from(index).expect("few types"));
        if !codec().is_marshalable(ty) {
            continue;
        }
        for round in 0..rounds {
            let value = Samples::new(index as u64 * 64 + round).structure(structure, 2);
            visit(ty, structure, value);
        }
    }
}

#[test]
fn every_type_survives_the_wire() {
    let mut count = 0;
    samples(6, |ty, structure, value| {
        let encoded = codec()
            .encode_message(ty, &value)
            .unwrap_or_else(|e| panic!("{}: {e}: {value}", structure.name));
        let decoded = codec()
            .decode_message(ty, &encoded)
            .unwrap_or_else(|e| panic!("{}: {e}: {value}", structure.name));
        assert_eq!(decoded, value, "{}", structure.name);
        count += 1;
    });
    assert!(count > 3000, "only {count} samples");
}

#[test]
fn mutated_messages_never_panic() {
    let mut accepted = 0;
    samples(1, |ty, _, value| {
        let encoded = codec().encode_message(ty, &value).expect("the value fits");
        let mut random = Random::new(u64::from(ty.0));
        for _ in 0..8 {
            let mutated = random.mutate(&encoded);
            if let Ok(value) = codec().decode_message(ty, &mutated) {
                // What was accepted can be written, and is complete from then on.
                let again = codec()
                    .encode_message(ty, &value)
                    .expect("a decoded value can be encoded");
                let complete = codec()
                    .decode_message(ty, &again)
                    .expect("an encoded value can be decoded");
                assert_eq!(codec().encode_message(ty, &complete), Ok(again), "{value}");
                accepted += 1;
            }
        }
    });
    assert!(accepted > 100, "only {accepted} mutations were still valid");
}
