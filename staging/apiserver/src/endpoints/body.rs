//! Request bodies: bounded reading, decoding, and the words for what is wrong with them.

use apimachinery::{
    codec::{
        negotiation::{Encoding, NegotiationError, negotiate_input},
        protobuf::{Envelope, ProtobufCodec},
    },
    json,
    normalize::{
        DecodeError, GroupVersionKind, Source, StrictError, cannot_be_handled, normalize_builtin, strict_message,
        unrecognized,
    },
    status::StatusError,
};
use bytes::{Bytes, BytesMut};
use component_base::serving::Body;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{Call, field_management::Given};
use crate::{
    options::FieldValidation,
    registry::{ObjectBox, VersionCodec},
};

/// Largest body, in bytes (3 MiB, as upstream).
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// How a protobuf body begins.
const PROTOBUF_MAGIC: &[u8] = b"k8s\0";

/// Reads a whole body.
///
/// # Errors
/// `RequestEntityTooLarge`, or `BadRequest` if the client breaks off.
pub async fn read_body(mut body: Body) -> Result<Bytes, StatusError> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusError::bad_request("unexpected EOF"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + whole.len() + data.len() > MAX_BODY {
            return Err(StatusError::request_entity_too_large(format!("limit is {MAX_BODY}")));
        }
        // Most bodies are in one piece.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Most of an unwanted body that is read to keep the connection in order; more closes it.
const DISCARDED: usize = 256 * 1024;

/// Reads what a client sends although its answer does not depend on it: an HTTP/1.1 connection with an
/// unread body would be cut off before the client has read the answer.
pub(crate) async fn discard_body(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > DISCARDED {
            return;
        }
    }
}

/// The encoding of the request's body.
///
/// # Errors
/// `UnsupportedMediaType`.
pub(super) fn input_encoding(call: &Call<'_>) -> Result<Encoding, StatusError> {
    negotiate_input(call.header(http::header::CONTENT_TYPE), Encoding::DEFAULT)
        .map_err(|error| negotiation_status(&error))
}

/// What a client is told when no encoding suits.
pub(super) fn negotiation_status(error: &NegotiationError) -> StatusError {
    match error {
        NegotiationError::NotAcceptable(accepted) => StatusError::not_acceptable(accepted),
        NegotiationError::NotAcceptableConversion { accepted, .. } => StatusError::not_acceptable(accepted),
        NegotiationError::UnsupportedMediaType(accepted) => StatusError::unsupported_media_type(accepted),
    }
}

/// What a YAML error says where the text is read as YAML, and not turned into something else on the way.
fn without_conversion(text: &str) -> &str {
    text.strip_prefix("error converting YAML to JSON: ").unwrap_or(text)
}

/// A body in its dynamic form.
pub(super) struct Parsed {
    pub(super) value: Value,
    strict: Vec<StrictError>,
    duplicates: bool,
    encoding: Encoding,
}

/// Parses JSON or YAML; protobuf is decoded with the type at hand.
pub(super) fn parse(bytes: &[u8], encoding: Encoding) -> Result<Parsed, String> {
    match encoding {
        Encoding::Yaml => {
            let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
            let (value, duplicate) =
                json::parse_yaml(text).map_err(|error| without_conversion(&error.to_string()).to_owned())?;
            let strict = duplicate
                .into_iter()
                .map(|error| StrictError::Yaml(without_conversion(&error.to_string()).to_owned()))
                .collect();
            Ok(Parsed {
                value,
                strict,
                duplicates: false,
                encoding,
            })
        }
        _ => {
            let parsed = json::parse_strict(bytes)
                .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
            Ok(Parsed {
                value: parsed.value,
                strict: vec![],
                duplicates: !parsed.duplicates.is_empty(),
                encoding,
            })
        }
    }
}

/// Decodes a body into an object of the codec's kind with its defaults, and tells the client what was dropped. `also`
/// names other API versions of the same shape that the body may say to be of.
///
/// # Errors
/// `BadRequest` in upstream's words.
pub(super) fn decode_object(
    call: &Call<'_>,
    bytes: &[u8],
    codec: &dyn VersionCodec,
    also: &[&str],
    validation: FieldValidation,
) -> Result<(ObjectBox, Given), StatusError> {
    let encoding = input_encoding(call)?;
    if encoding == Encoding::Json
        && let Some(object) = codec.decode_plain(bytes)
    {
        return Ok((object, Given::plainly()));
    }
    let value = decode_value(call, bytes, encoding, codec, also, validation)?;
    let given = Given::of(&value);
    let object = codec.decode(value).map_err(StatusError::internal_error)?;
    Ok((object, given))
}

/// Decodes a body into the checked dynamic form of the codec's kind.
fn decode_value(
    call: &Call<'_>,
    bytes: &[u8],
    encoding: Encoding,
    codec: &dyn VersionCodec,
    also: &[&str],
    validation: FieldValidation,
) -> Result<Value, StatusError> {
    let kind = codec.kind();
    let bad = |error: &dyn std::fmt::Display| StatusError::bad_request(unrecognized(kind, error, bytes));
    let expected = expected_kind(codec);
    if encoding == Encoding::Protobuf || bytes.starts_with(PROTOBUF_MAGIC) {
        return decode_protobuf(bytes, codec, &expected, also);
    }
    let parsed = parse(bytes, encoding).map_err(|error| bad(&error))?;
    let mut value = parsed.value;
    let seen = GroupVersionKind::of(&value).map_err(|error| bad(&error))?.or(&expected);
    check_kind_of(&seen, &expected, also)?;
    let source = match parsed.encoding {
        Encoding::Json => Source::Json {
            text: bytes,
            duplicates: parsed.duplicates,
        },
        _ => Source::Sorted,
    };
    let mut strict = parsed.strict;
    let handled = |error: &dyn std::fmt::Display| {
        StatusError::bad_request(cannot_be_handled(&seen.kind, &seen.version, kind, error))
    };
    strict.extend(
        normalize_builtin(&mut value, codec.type_ref().id, source).map_err(|error: DecodeError| handled(&error))?,
    );
    judge(call, &strict, validation).map_err(|message| handled(&message))?;
    set_type_meta(&mut value, &expected);
    Ok(value)
}

/// Warns or refuses, as the client wishes.
pub(super) fn judge(call: &Call<'_>, strict: &[StrictError], validation: FieldValidation) -> Result<(), String> {
    if strict.is_empty() {
        return Ok(());
    }
    match validation {
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            strict.iter().for_each(|error| warn(call, &error.to_string()));
            Ok(())
        }
        FieldValidation::Strict => Err(strict_message(strict)),
    }
}

/// Warns of what strict decoding objects to; a YAML parser says it in lines.
pub(super) fn warn(call: &Call<'_>, error: &str) {
    let lines = without_conversion(error);
    let lines = lines.strip_prefix("yaml: unmarshal errors:\n").unwrap_or(lines);
    lines.split('\n').for_each(|line| call.context.warn(line.trim()));
}

fn expected_kind(codec: &dyn VersionCodec) -> GroupVersionKind {
    let (group, version) = k8s_api::scheme::split_api_version(codec.api_version());
    GroupVersionKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: codec.kind().to_owned(),
    }
}

fn set_type_meta(value: &mut Value, kind: &GroupVersionKind) {
    if let Value::Object(members) = value {
        members.insert("apiVersion".to_owned(), kind.api_version().into());
        members.insert("kind".to_owned(), kind.kind.clone().into());
    }
}

/// The body must be of the endpoint's kind, at its version or one that has the same shape.
fn check_kind_of(seen: &GroupVersionKind, expected: &GroupVersionKind, also: &[&str]) -> Result<(), StatusError> {
    if seen.kind == expected.kind && also.contains(&seen.api_version().as_str()) {
        return Ok(());
    }
    check_kind(seen, expected)
}

/// The body must be of the endpoint's kind.
fn check_kind(seen: &GroupVersionKind, expected: &GroupVersionKind) -> Result<(), StatusError> {
    if seen == expected {
        return Ok(());
    }
    let registered = k8s_api::scheme::resource_of_kind(&seen.group, &seen.version, &seen.kind).is_some()
        || k8s_api::scheme::resource_of_kind(&seen.group, &seen.version, seen.kind.trim_end_matches("List")).is_some();
    if seen.kind == expected.kind && (registered || seen.group == expected.group) {
        return Err(StatusError::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            seen.api_version(),
            expected.api_version()
        )));
    }
    let reason = if registered {
        unknown_conversion(&seen.version, &seen.kind, &expected.group, &expected.kind)
    } else {
        not_registered(&seen.api_version(), &seen.kind)
    };
    Err(StatusError::bad_request(cannot_be_handled(
        &seen.kind,
        &seen.version,
        &expected.kind,
        &reason,
    )))
}

/// What Go's scheme says of an object that is of another kind than the resource's.
pub(super) fn unknown_conversion(version: &str, kind: &str, wanted_group: &str, wanted_kind: &str) -> String {
    let package = match wanted_group.split('.').next().unwrap_or_default() {
        "" => "core",
        first => first,
    };
    format!("converting ({version}.{kind}) to ({package}.{wanted_kind}): unknown conversion")
}

/// What Go's scheme says of a kind that it does not know.
pub(super) fn not_registered(api_version: &str, kind: &str) -> String {
    format!(
        "no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
    )
}

fn decode_protobuf(
    bytes: &[u8],
    codec: &dyn VersionCodec,
    expected: &GroupVersionKind,
    also: &[&str],
) -> Result<Value, StatusError> {
    let kind = codec.kind();
    let bad = |error: &dyn std::fmt::Display| StatusError::bad_request(unrecognized(kind, error, bytes));
    let envelope = Envelope::decode(bytes).map_err(|error| bad(&error))?;
    let (group, version) = k8s_api::scheme::split_api_version(&envelope.api_version);
    let seen = GroupVersionKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: envelope.kind.clone(),
    };
    let seen = seen.or(expected);
    check_kind_of(&seen, expected, also)?;
    let mut value = ProtobufCodec::builtin()
        .decode(codec.type_ref().id, &envelope)
        .map_err(|error| StatusError::bad_request(cannot_be_handled(&seen.kind, &seen.version, kind, &error)))?;
    set_type_meta(&mut value, expected);
    Ok(value)
}
