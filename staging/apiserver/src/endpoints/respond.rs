//! Answers: negotiated, converted at most once, sent as the bytes that are kept.

use std::sync::Arc;

use apimachinery::{
    codec::{
        self,
        negotiation::{self, Encoding, MediaType, negotiate_output, negotiate_watch, wants_pretty},
        protobuf::ProtobufCodec,
    },
    status::StatusError,
};
use bytes::Bytes;
use component_base::serving::Body;
use http::{HeaderValue, Response, StatusCode, header};
use k8s_api::{Kind as _, meta::v1::Status};
use serde_json::{Value, json};

use super::{Call, Endpoint, Output, body::negotiation_status, table};
use crate::{
    cacher::{CachedObject, EncodingId},
    registry::{AnyObject, Stored},
};

/// Kinds of cached encodings; see [`encoding_id`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json = 0,
    Protobuf = 1,
    MetadataJson = 2,
    MetadataProtobuf = 3,
}

pub(super) fn encoding_id(endpoint: &Endpoint, form: Form) -> EncodingId {
    EncodingId(endpoint.version_number * 8 + form as u32)
}

impl Output {
    /// Chooses the encoding of an answer about objects of `endpoint`.
    pub(super) fn negotiate(call: &Call<'_>, endpoint: &Endpoint) -> Result<Self, StatusError> {
        let can = negotiation::Endpoint {
            standard: &[],
            table: endpoint.table.is_some() || matches!(endpoint.backing, super::Backing::Store(_)),
            metadata: true,
            server_version: None,
        };
        let accept = call.header(header::ACCEPT);
        let media = negotiate_output(accept, Encoding::DEFAULT, &can).map_err(|error| negotiation_status(&error))?;
        Ok(Self::of(call, media))
    }

    /// Chooses the encoding of a watch.
    pub(super) fn negotiate_watch(call: &Call<'_>) -> Result<Self, StatusError> {
        let can = negotiation::Endpoint {
            standard: &[],
            table: true,
            metadata: true,
            server_version: None,
        };
        let accept = call.header(header::ACCEPT);
        let media = negotiate_watch(accept, Encoding::DEFAULT, &can).map_err(|error| negotiation_status(&error))?;
        Ok(Self::of(call, media))
    }

    fn of(call: &Call<'_>, media: MediaType) -> Self {
        let pretty = media.pretty || wants_pretty(call.query.get("pretty"), &call.context.user_agent);
        Self { media, pretty }
    }

    /// The kind that the client wants to see instead of the object.
    pub(super) fn converts_to(&self) -> Option<&str> {
        self.media.convert.as_ref().map(|kind| kind.kind.as_str())
    }

    fn is_plain_json(&self) -> bool {
        self.media.encoding == Encoding::Json && !self.pretty
    }
}

/// The endpoint's version of a stored object, as JSON.
pub(super) fn version_json(endpoint: &Endpoint, cached: &Arc<CachedObject>) -> Result<Bytes, StatusError> {
    if endpoint.is_hub {
        return Ok(cached.json.clone());
    }
    let store = endpoint.store("get")?;
    cached.encoding(encoding_id(endpoint, Form::Json), || {
        let object = store.typed(&Stored { cached: cached.clone() })?;
        Ok(endpoint.codec.encode_json(object.as_ref()).into())
    })
}

/// The dynamic form of the endpoint's version of a stored object.
pub(super) fn version_value(endpoint: &Endpoint, cached: &Arc<CachedObject>) -> Result<Value, StatusError> {
    serde_json::from_slice(&version_json(endpoint, cached)?).map_err(StatusError::internal_error)
}

fn protobuf(endpoint: &Endpoint, value: &Value) -> Result<Vec<u8>, StatusError> {
    ProtobufCodec::builtin()
        .encode(
            endpoint.codec.type_ref().id,
            endpoint.codec.api_version(),
            endpoint.codec.kind(),
            value,
        )
        .map_err(StatusError::internal_error)
}

/// Metadata alone, as `PartialObjectMetadata`.
pub(super) fn partial_metadata(value: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": value.get("metadata").cloned().unwrap_or_default(),
    })
}

fn meta_protobuf(kind: &str, value: &Value) -> Result<Vec<u8>, StatusError> {
    let definition = format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}");
    let ty = k8s_api::definition(&definition).expect("the tables hold the meta kinds");
    ProtobufCodec::builtin()
        .encode(ty, "meta.k8s.io/v1", kind, value)
        .map_err(StatusError::internal_error)
}

/// The bytes of one object as negotiated; `Table` excepted.
pub(super) fn object_bytes(
    endpoint: &Endpoint,
    cached: &Arc<CachedObject>,
    output: &Output,
) -> Result<Bytes, StatusError> {
    let metadata_only = output.converts_to() == Some("PartialObjectMetadata");
    match (output.media.encoding, metadata_only) {
        (Encoding::Json, false) => {
            let json = version_json(endpoint, cached)?;
            if !output.pretty {
                return Ok(json);
            }
            let value: Value = serde_json::from_slice(&json).map_err(StatusError::internal_error)?;
            pretty(&value)
        }
        (Encoding::Json, true) if output.pretty => pretty(&partial_metadata(&version_value(endpoint, cached)?)),
        (Encoding::Json, true) => cached.encoding(encoding_id(endpoint, Form::MetadataJson), || {
            Ok(partial_metadata(&version_value(endpoint, cached)?).to_string().into())
        }),
        (Encoding::Protobuf, false) => cached.encoding(encoding_id(endpoint, Form::Protobuf), || {
            protobuf(endpoint, &version_value(endpoint, cached)?).map(Bytes::from)
        }),
        (Encoding::Protobuf, true) => cached.encoding(encoding_id(endpoint, Form::MetadataProtobuf), || {
            meta_protobuf(
                "PartialObjectMetadata",
                &partial_metadata(&version_value(endpoint, cached)?),
            )
            .map(Bytes::from)
        }),
        (Encoding::Yaml, metadata_only) => {
            let value = version_value(endpoint, cached)?;
            let value = if metadata_only { partial_metadata(&value) } else { value };
            Ok(codec::yaml::to_string(&value).into())
        }
        (Encoding::Cbor, _) => Err(StatusError::not_acceptable(&negotiation::media_types(
            Encoding::DEFAULT,
        ))),
    }
}

pub(super) fn pretty(value: &Value) -> Result<Bytes, StatusError> {
    codec::json::to_vec_pretty(value)
        .map(Bytes::from)
        .map_err(StatusError::internal_error)
}

/// Answers with a stored object.
pub(super) fn stored_response(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    status: StatusCode,
    stored: &Stored,
) -> Result<Response<Body>, StatusError> {
    if output.converts_to() == Some("Table") {
        let value = table::of_object(call, endpoint, stored)?;
        return value_response(call, output, status, "Table", &value);
    }
    call.context.audit.response(|| {
        let json = version_json(endpoint, &stored.cached);
        json.map(|json| json.to_vec()).unwrap_or_default()
    });
    let mut bytes = object_bytes(endpoint, &stored.cached, output)?;
    if output.is_plain_json() {
        // What is kept has no line break; an answer has one.
        let mut line = Vec::with_capacity(bytes.len() + 1);
        line.extend_from_slice(&bytes);
        line.push(b'\n');
        bytes = line.into();
    }
    Ok(finish(call, output.media.encoding.media_type(), status, bytes))
}

/// Answers with an object that is not stored.
pub(super) fn object_response(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    status: StatusCode,
    object: &dyn AnyObject,
) -> Result<Response<Body>, StatusError> {
    let _ = endpoint;
    let (api_version, kind) = object.type_meta();
    let (group, version) = k8s_api::scheme::split_api_version(api_version);
    let value = object.to_value();
    call.context.audit.response(|| value.to_string().into_bytes());
    if output.media.encoding == Encoding::Protobuf {
        let ty = definition_of(group, version, kind)
            .ok_or_else(|| StatusError::internal_error(format!("no protobuf form of {kind}")))?;
        let bytes = ProtobufCodec::builtin()
            .encode(ty, api_version, kind, &value)
            .map_err(StatusError::internal_error)?;
        return Ok(finish(call, output.media.encoding.media_type(), status, bytes.into()));
    }
    value_response(call, output, status, kind, &value)
}

/// The built-in type of a kind by its API name.
fn definition_of(group: &str, version: &str, kind: &str) -> Option<k8s_api::reflect::TypeId> {
    let package = match group {
        "" => "core",
        group => group.split('.').next().unwrap_or(group),
    };
    [
        "io.k8s.api",
        "io.k8s.apiextensions-apiserver.pkg.apis",
        "io.k8s.kube-aggregator.pkg.apis",
    ]
    .iter()
    .find_map(|prefix| k8s_api::definition(&format!("{prefix}.{package}.{version}.{kind}")))
    .or_else(|| k8s_api::definition(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}")))
}

/// Answers with a dynamic value of a meta kind.
pub(super) fn value_response(
    call: &Call<'_>,
    output: &Output,
    status: StatusCode,
    kind: &str,
    value: &Value,
) -> Result<Response<Body>, StatusError> {
    call.context.audit.response(|| value.to_string().into_bytes());
    let bytes = match output.media.encoding {
        Encoding::Json if output.pretty => pretty(value)?,
        Encoding::Json => codec::json::to_vec(value).map_err(StatusError::internal_error)?.into(),
        Encoding::Yaml => codec::yaml::to_string(value).into(),
        Encoding::Protobuf => meta_protobuf(kind, value)?.into(),
        Encoding::Cbor => {
            return Err(StatusError::not_acceptable(&negotiation::media_types(
                Encoding::DEFAULT,
            )));
        }
    };
    Ok(finish(call, output.media.encoding.media_type(), status, bytes))
}

/// Adds the headers that every answer has, and compresses what is large.
pub(super) fn finish(call: &Call<'_>, media_type: &'static str, status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    let body = if negotiation::should_gzip(call.header(header::ACCEPT_ENCODING), bytes.len()) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        gzip(&bytes)
    } else {
        bytes
    };
    *response.body_mut() = Body::from(body);
    response
}

pub(super) fn gzip(bytes: &[u8]) -> Bytes {
    use std::io::Write as _;

    let level = flate2::Compression::new(negotiation::GZIP_LEVEL);
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
        .into()
}

/// Answers with an error, in the encoding that the client takes.
#[must_use]
pub fn error_response(call: &Call<'_>, error: &StatusError) -> Response<Body> {
    status_response(call, error.status())
}

/// Answers with a Status.
#[must_use]
pub fn status_response(call: &Call<'_>, status: &Status) -> Response<Body> {
    let can = negotiation::Endpoint::default();
    let media = negotiate_output(call.header(header::ACCEPT), Encoding::DEFAULT, &can);
    let encoding = media.map_or(Encoding::Json, |media| media.encoding);
    let pretty_json = wants_pretty(call.query.get("pretty"), &call.context.user_agent);
    let value = status.to_value();
    call.context.audit.status(status);
    call.context.audit.response(|| value.to_string().into_bytes());
    let code = u16::try_from(status.code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.unwrap_or(if status.status == "Success" {
        StatusCode::OK
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    });
    let bytes: Bytes = match encoding {
        Encoding::Yaml => codec::yaml::to_string(&value).into(),
        Encoding::Protobuf => {
            let ty = k8s_api::meta::v1::Status::type_id();
            ProtobufCodec::builtin()
                .encode(ty, "v1", "Status", &value)
                .unwrap_or_default()
                .into()
        }
        _ if pretty_json => codec::json::to_vec_pretty(&value).unwrap_or_default().into(),
        _ => codec::json::to_vec(&value).unwrap_or_default().into(),
    };
    let mut response = finish(call, encoding.media_type(), code, bytes);
    if let Some(seconds) = status
        .details
        .as_ref()
        .map(|d| d.retry_after_seconds)
        .filter(|seconds| *seconds > 0)
    {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
