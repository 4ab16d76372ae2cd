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

const META_V1: &str = "meta.k8s.io/v1";
const META_V1BETA1: &str = "meta.k8s.io/v1beta1";
/// Metadata alone, of one object and of a list.
pub(super) const METADATA: &str = "PartialObjectMetadata";
pub(super) const METADATA_LIST: &str = "PartialObjectMetadataList";

/// Kinds of cached encodings; see [`encoding_id`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json = 0,
    Protobuf = 1,
    MetadataJson = 2,
    MetadataProtobuf = 3,
    MetadataBetaJson = 4,
    MetadataBetaProtobuf = 5,
}

pub(super) fn encoding_id(endpoint: &Endpoint, form: Form) -> EncodingId {
    EncodingId(endpoint.version_number * 8 + form as u32)
}

/// Whether an answer is one object or many: each has its own form of metadata alone, and the other's is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
}

impl Output {
    /// Chooses the encoding of an answer about objects of `endpoint`.
    pub(super) fn negotiate(call: &Call<'_>, endpoint: &Endpoint) -> Result<Self, StatusError> {
        let table = endpoint.table.is_some() || matches!(endpoint.backing, super::Backing::Store(_));
        Self::negotiate_with(call, table)
    }

    /// Chooses the encoding of an answer that is never shown as a table: what a subresource creates.
    pub(super) fn negotiate_created(call: &Call<'_>) -> Result<Self, StatusError> {
        Self::negotiate_with(call, false)
    }

    fn negotiate_with(call: &Call<'_>, table: bool) -> Result<Self, StatusError> {
        let can = negotiation::Endpoint {
            standard: &[],
            table,
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

    /// Refuses the metadata of one object where the answer is a list of `kind`, and the other way round. Media types are
    /// chosen before anybody knows which of the two the answer is, and what was written stays written.
    ///
    /// # Errors
    /// 406, in which `group` and `kind` stand as Go names the internal type.
    pub(super) fn check_shape(&self, shape: Shape, group: &str, kind: &str) -> Result<(), StatusError> {
        let package = match group.split('.').next() {
            None | Some("") => "core",
            Some(package) => package,
        };
        let message = match (self.converts_to(), shape) {
            (Some(wanted @ METADATA), Shape::List) => {
                format!("you requested {wanted}, but the requested object is a list (*{package}.{kind}List)")
            }
            (Some(wanted @ METADATA_LIST), Shape::One) => {
                format!("you requested {wanted}, but the requested object is not a list (*{package}.{kind})")
            }
            _ => return Ok(()),
        };
        Err(StatusError::not_acceptable_because(message))
    }

    /// The version of the meta kinds that the client wants to see.
    pub(super) fn meta_version(&self) -> &'static str {
        match &self.media.convert {
            Some(kind) if kind.version == "v1beta1" => META_V1BETA1,
            _ => META_V1,
        }
    }

    /// The kind of cached encoding that the answer is.
    pub(super) fn form(&self) -> Form {
        let metadata = self.converts_to().is_some();
        let beta = metadata && self.meta_version() == META_V1BETA1;
        match (self.media.encoding, metadata, beta) {
            (Encoding::Protobuf, false, _) => Form::Protobuf,
            (Encoding::Protobuf, true, false) => Form::MetadataProtobuf,
            (Encoding::Protobuf, true, true) => Form::MetadataBetaProtobuf,
            (_, false, _) => Form::Json,
            (_, true, false) => Form::MetadataJson,
            (_, true, true) => Form::MetadataBetaJson,
        }
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

/// What metadata alone is read from.
#[derive(serde::Deserialize)]
struct OnlyMetadata {
    #[serde(default)]
    metadata: Value,
}

/// Metadata as `PartialObjectMetadata`.
pub(super) fn of_metadata(metadata: &Value, output: &Output) -> Value {
    json!({"kind": METADATA, "apiVersion": output.meta_version(), "metadata": metadata})
}

/// The metadata of a stored object alone, as `PartialObjectMetadata`. It is that of the stored version, whatever the
/// endpoint's, and goes without annotations that stand for fields.
pub(super) fn partial_metadata(
    endpoint: &Endpoint,
    cached: &CachedObject,
    output: &Output,
) -> Result<Value, StatusError> {
    let OnlyMetadata { mut metadata } = serde_json::from_slice(&cached.json).map_err(StatusError::internal_error)?;
    if let Some(members) = metadata
        .as_object_mut()
        .filter(|_| !endpoint.field_annotations.is_empty())
    {
        let annotations = members.get_mut("annotations").and_then(Value::as_object_mut);
        let left = annotations.map(|annotations| {
            annotations.retain(|key, _| !endpoint.field_annotations.contains(&key.as_str()));
            annotations.len()
        });
        if left == Some(0) {
            members.remove("annotations");
        }
    }
    Ok(of_metadata(&metadata, output))
}

fn meta_protobuf(kind: &str, version: &str, value: &Value) -> Result<Vec<u8>, StatusError> {
    let definition = format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}");
    let ty = k8s_api::definition(&definition).expect("the tables hold the meta kinds");
    ProtobufCodec::builtin()
        .encode(ty, version, kind, value)
        .map_err(StatusError::internal_error)
}

/// The bytes of one object as negotiated; `Table` excepted.
pub(super) fn object_bytes(
    endpoint: &Endpoint,
    cached: &Arc<CachedObject>,
    output: &Output,
) -> Result<Bytes, StatusError> {
    let metadata_only = output.converts_to() == Some(METADATA);
    let value = || match metadata_only {
        true => partial_metadata(endpoint, cached, output),
        false => version_value(endpoint, cached),
    };
    let id = encoding_id(endpoint, output.form());
    match output.media.encoding {
        Encoding::Json if output.pretty => pretty(&value()?),
        Encoding::Json if !metadata_only => version_json(endpoint, cached),
        Encoding::Json => cached.encoding(id, || Ok(value()?.to_string().into())),
        Encoding::Protobuf => cached.encoding(id, || {
            let value = value()?;
            let bytes = match metadata_only {
                true => meta_protobuf(METADATA, output.meta_version(), &value)?,
                false => protobuf(endpoint, &value)?,
            };
            Ok(bytes.into())
        }),
        Encoding::Yaml => Ok(codec::yaml::to_string(&value()?).into()),
        Encoding::Cbor => Err(StatusError::not_acceptable(&negotiation::media_types(
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
    output.check_shape(Shape::One, endpoint.internal_group(), &endpoint.kind.name)?;
    if output.converts_to() == Some("Table") {
        let value = table::of_object(call, endpoint, output, stored)?;
        return value_response(call, output, status, "Table", &value);
    }
    call.context.audit.response(|| {
        let json = version_json(endpoint, &stored.cached);
        json.map(|json| json.to_vec()).unwrap_or_default()
    });
    let bytes = if !output.is_plain_json() {
        object_bytes(endpoint, &stored.cached, output)?
    } else if endpoint.is_hub && output.converts_to().is_none() {
        stored.cached.json_line()
    } else {
        // What is kept has no line break; an answer has one.
        let bytes = object_bytes(endpoint, &stored.cached, output)?;
        [&bytes[..], b"\n"].concat().into()
    };
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
    let (api_version, kind) = object.type_meta();
    let (group, version) = k8s_api::scheme::split_api_version(api_version);
    output.check_shape(Shape::One, group, kind)?;
    let value = object.to_value();
    match output.converts_to() {
        Some("Table") => {
            let value = table::of_unstored(call, endpoint, output, object)?;
            return value_response(call, output, status, "Table", &value);
        }
        Some(kind) => {
            let partial = of_metadata(&value["metadata"], output);
            return value_response(call, output, status, kind, &partial);
        }
        None => {}
    }
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
        Encoding::Protobuf => meta_protobuf(kind, output.meta_version(), value)?.into(),
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
