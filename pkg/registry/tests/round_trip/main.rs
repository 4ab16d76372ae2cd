//! Every kind at every version comes through its codecs unchanged.

mod filled;

use std::sync::Arc;

use apimachinery::{
    codec::protobuf::{Envelope, ProtobufCodec},
    normalize::{Source, normalize_builtin},
};
use k8s_api::{pick::Paths, reflect::TypeRef};
use proptest::prelude::*;
use registry::{Registration, Settings, Version};
use serde_json::Value;

use filled::Filler;

fn registrations() -> Vec<Registration> {
    registry::all(&Settings { allow_privileged: true })
}

/// An object of the version with fields filled.
fn object(version: &Version, seed: u64) -> Value {
    let mut value = Filler::new(seed)
        .value(version.info.type_ref())
        .expect("a root is not inside itself");
    value["apiVersion"] = version.codec.api_version().into();
    value["kind"] = version.codec.kind().into();
    value
}

fn name(version: &Version) -> String {
    format!("{} {}", version.codec.api_version(), version.codec.kind())
}

/// Members that say what another one says as well, which goes first.
const SECOND_NAMES: &[&str] = &["podCIDRs", "podIPs", "serviceAccount", "stringData"];

/// The members of `left` that `right` has not, or has otherwise.
fn lost(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => {
            for (name, left) in l.iter().filter(|(name, _)| !SECOND_NAMES.contains(&name.as_str())) {
                lost(
                    &format!("{path}.{name}"),
                    left,
                    r.get(name).unwrap_or(&Value::Null),
                    found,
                );
            }
        }
        (Value::Array(l), Value::Array(r)) if l.len() == r.len() => {
            for (index, (left, right)) in l.iter().zip(r).enumerate() {
                lost(&format!("{path}[{index}]"), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path}: {left} became {right}")),
    }
}

/// The members at which two values differ.
fn differences(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => {
            let mut names: Vec<&String> = l.keys().chain(r.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (left, right) = (l.get(name).unwrap_or(&Value::Null), r.get(name).unwrap_or(&Value::Null));
                differences(&format!("{path}.{name}"), left, right, found);
            }
        }
        (Value::Array(l), Value::Array(r)) if l.len() == r.len() => {
            for (index, (left, right)) in l.iter().zip(r).enumerate() {
                differences(&format!("{path}[{index}]"), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path}: {left} became {right}")),
    }
}

fn check(version: &Version, what: &str, left: &Value, right: &Value) -> Result<(), TestCaseError> {
    let mut found = Vec::new();
    differences("", left, right, &mut found);
    prop_assert!(found.is_empty(), "{} {what}: {found:#?}", name(version));
    Ok(())
}

/// Of a type: JSON → protobuf → JSON.
fn through_protobuf(version: &Version, ty: TypeRef<'_>, value: &Value) -> Value {
    let (api_version, kind) = (version.codec.api_version(), version.codec.kind());
    let codec = ProtobufCodec::builtin();
    let bytes = codec
        .encode(ty.id, api_version, kind, value)
        .expect("it has a protobuf form");
    let envelope = Envelope::decode(&bytes).expect("it is an envelope");
    assert_eq!(
        (envelope.api_version.as_str(), envelope.kind.as_str()),
        (api_version, kind)
    );
    let mut decoded = codec.decode(ty.id, &envelope).expect("what was encoded decodes");
    decoded["apiVersion"] = api_version.into();
    decoded["kind"] = kind.into();
    decoded
}

fn round_trips(version: &Version, seed: u64) -> Result<(), TestCaseError> {
    let mut given = object(version, seed);
    normalize_builtin(&mut given, version.info.type_ref().id, Source::Sorted).expect("what is filled is well formed");
    // The first decoding sets defaults, and takes what has two names under one. What an older version writes without the
    // annotations of a newer one is complete only once it has them.
    let settled = version.codec.decode(given.clone()).expect("what is filled decodes");
    // A field may mean nothing without another one.
    if seed == 0 {
        let mut found = Vec::new();
        lost("", &given, &version.codec.encode(settled.as_ref()), &mut found);
        prop_assert!(found.is_empty(), "{} lost: {found:#?}", name(version));
    }
    let first = version
        .codec
        .decode(version.codec.encode(settled.as_ref()))
        .expect("what was encoded decodes");
    let stored = version.codec.encode(first.as_ref());
    let second = version.codec.decode(stored.clone()).expect("what was encoded decodes");
    check(version, "decoded again", &first.to_value(), &second.to_value())?;
    check(
        version,
        "encoded again",
        &stored,
        &version.codec.encode(second.as_ref()),
    )?;

    let text = version.codec.encode_json(first.as_ref());
    let parsed: Value = serde_json::from_slice(&text).expect("JSON");
    check(version, "as text", &stored, &parsed)?;
    let third = version.codec.decode_stored(&text).expect("what was stored decodes");
    check(version, "as stored", &first.to_value(), &third.to_value())?;
    prop_assert!(
        third.equals(first.as_ref()),
        "{} stored differs in what it does not show",
        name(version)
    );

    let ty = version.info.type_ref();
    let decoded = through_protobuf(version, ty, &stored);
    let decoded = version
        .codec
        .decode(decoded)
        .expect("what came through protobuf decodes");
    check(
        version,
        "through protobuf",
        &stored,
        &version.codec.encode(decoded.as_ref()),
    )
}

#[test]
fn with_every_field_filled() {
    let registrations = registrations();
    let versions = registrations.iter().flat_map(|registration| &registration.versions);
    let changed: Vec<String> = versions
        .filter_map(|version| round_trips(version, 0).err())
        .map(|error| error.to_string())
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// What a scalar is as a field selector sees it.
fn scalar(value: &Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string().into()),
        _ => None,
    }
}

/// What selectors see is the same in the object as in its text.
fn is_picked_as_written(registration: &Registration, seed: u64) -> Result<usize, TestCaseError> {
    let version = registration.versions.first().expect("a resource has a stored version");
    let decoded = version
        .codec
        .decode(object(version, seed))
        .expect("what is filled decodes");
    let text: Value = serde_json::from_slice(&version.codec.encode_json(decoded.as_ref())).expect("JSON");
    let fields = registration.strategy.selectable_fields();
    let paths = Arc::new(Paths::new(fields.iter().map(|field| field.path)));
    let picked = version.codec.pick(decoded.as_ref(), &paths);
    prop_assert_eq!(picked.len(), fields.len());
    let mut found = 0;
    for (field, picked) in fields.iter().zip(picked) {
        let written = field
            .path
            .iter()
            .try_fold(&text, |value, member| value.get(member))
            .and_then(scalar);
        prop_assert_eq!(&picked, &written, "{} {}", name(version), field.name);
        found += usize::from(written.is_some());
    }
    Ok(found)
}

#[test]
fn selectable_fields_are_picked_as_written() {
    let found: usize = registrations()
        .iter()
        .map(|registration| is_picked_as_written(registration, 0).expect("alike"))
        .sum();
    assert!(found > 20, "most fields are filled: {found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_some_fields_filled(seed in any::<u64>()) {
        for version in registrations().iter().flat_map(|registration| &registration.versions) {
            round_trips(version, seed)?;
        }
        for registration in registrations() {
            is_picked_as_written(&registration, seed)?;
        }
    }
}
