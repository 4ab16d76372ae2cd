//! `/api` and `/apis`: what the server serves, aggregated in one document or one request a group version.

use apimachinery::{
    codec::{negotiation::Encoding, protobuf::ProtobufCodec, yaml},
    status::StatusError,
};
use component_base::serving::Body;
use http::{HeaderMap, Response, StatusCode, header};
use k8s_api::Kind as _;
use kube_openapi::{
    discovery::legacy,
    negotiation::{DiscoveryForm, OBJECT_MEDIA_TYPES},
};
use serde_json::Value;

use super::{ApiDocuments, empty, set, text};

impl ApiDocuments {
    pub(super) fn discovery(&self, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let accept = text(headers, header::ACCEPT);
        let root = segments.len() == 1;
        let form = DiscoveryForm::of(accept);
        let media_type = match form {
            DiscoveryForm::Aggregated(media_type) if root => {
                return Some(self.aggregated(segments[0], media_type, form, headers));
            }
            DiscoveryForm::Legacy(media_type) => media_type,
            // Only the roots have another form.
            DiscoveryForm::Aggregated(_) | DiscoveryForm::NotAcceptable if !root => {
                match DiscoveryForm::of(&without_parameters(accept)) {
                    DiscoveryForm::Legacy(media_type) => media_type,
                    _ => return Some(not_acceptable()),
                }
            }
            _ => return Some(not_acceptable()),
        };
        let value = match segments.as_slice() {
            ["api"] => legacy::api_versions(&self.groups.group("")?, &self.addresses),
            ["apis"] => legacy::api_group_list(&self.groups.groups()),
            ["apis", group] => legacy::api_group(&self.groups.group(group)?),
            ["api", version] => legacy::api_resource_list("", &self.groups.version("", version)?),
            ["apis", group, version] => legacy::api_resource_list(group, &self.groups.version(group, version)?),
            _ => return None,
        };
        let mut response = document(&value, media_type, media_type);
        if root {
            set(&mut response, header::VARY, "Accept");
        }
        Some(response)
    }

    fn aggregated(&self, root: &str, media_type: &str, form: DiscoveryForm, headers: &HeaderMap) -> Response<Body> {
        let aggregated = self.groups.aggregated();
        let document_of_root = if root == "api" {
            &aggregated.api
        } else {
            &aggregated.apis
        };
        let tag = format!("\"{}\"", document_of_root.etag);
        if text(headers, header::IF_NONE_MATCH) == tag {
            return empty(StatusCode::NOT_MODIFIED);
        }
        let mut response = document(&document_of_root.value, media_type, &form.content_type());
        set(&mut response, header::ETAG, &tag);
        set(&mut response, header::VARY, "Accept");
        response
    }
}

/// The clauses of an `Accept` header without what they say of a group, version and kind.
fn without_parameters(accept: &str) -> String {
    let plain = accept
        .split(',')
        .map(|clause| clause.split(';').next().unwrap_or_default());
    plain.collect::<Vec<_>>().join(",")
}

fn not_acceptable() -> Response<Body> {
    let mut status = StatusError::not_acceptable(&OBJECT_MEDIA_TYPES).into_status();
    status.details = None;
    let mut response = document(&status.to_value(), "application/json", "application/json");
    *response.status_mut() = StatusCode::NOT_ACCEPTABLE;
    response
}

/// A document in the encoding of `media_type`.
fn document(value: &Value, media_type: &str, content_type: &str) -> Response<Body> {
    let json = || (value.to_string() + "\n").into_bytes();
    let bytes = if media_type == Encoding::Yaml.media_type() {
        yaml::to_string(value).into_bytes()
    } else if media_type == Encoding::Protobuf.media_type() {
        match protobuf(value) {
            Some(bytes) => bytes,
            None => return empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    } else {
        json()
    };
    let mut response = Response::new(Body::from(bytes));
    set(&mut response, header::CONTENT_TYPE, content_type);
    response
}

fn protobuf(value: &Value) -> Option<Vec<u8>> {
    let kind = value.get("kind")?.as_str()?;
    let ty = k8s_api::definition(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"))?;
    let encoded = ProtobufCodec::builtin().encode(ty, "v1", kind, value);
    encoded
        .inspect_err(|error| tracing::error!(%error, kind, "a discovery document has no protobuf form"))
        .ok()
}
