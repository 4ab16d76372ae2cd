//! Discovery and OpenAPI as the server publishes them.

use std::sync::Arc;

use apimachinery::codec::negotiation::accepts_gzip;
use apiserver::server::Documents;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use kube_openapi::{
    discovery::{ApiGroups, legacy},
    negotiation::{DiscoveryForm, Representation, openapi_content_type, openapi_v2, openapi_v3},
    openapi::{Artifact, Form, OpenApi, ServerRelativePath},
};
use serde_json::Value;

/// The documents about the API, with what comes and goes at run time.
#[derive(Debug)]
pub(crate) struct ApiDocuments {
    groups: ApiGroups,
    openapi: Arc<OpenApi>,
}

impl ApiDocuments {
    /// The documents of a server with this version.
    pub(crate) fn new(version: &str) -> Self {
        Self {
            groups: ApiGroups::with_builtin(),
            openapi: Arc::new(OpenApi::new(version)),
        }
    }

    fn discovery(&self, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let accept = text(headers, header::ACCEPT);
        let form = DiscoveryForm::of(accept);
        if let (["api" | "apis"], DiscoveryForm::Aggregated(_)) = (segments.as_slice(), form) {
            let aggregated = self.groups.aggregated();
            let document = if segments == ["api"] {
                &aggregated.api
            } else {
                &aggregated.apis
            };
            let tag = format!("\"{}\"", document.etag);
            if text(headers, header::IF_NONE_MATCH) == tag {
                return Some(empty(StatusCode::NOT_MODIFIED));
            }
            let mut response = json(&document.value, &form.content_type());
            set(&mut response, header::ETAG, &tag);
            set(&mut response, header::VARY, "Accept");
            return Some(response);
        }
        let value = match segments.as_slice() {
            ["api"] => legacy::api_versions(&self.groups.group("")?, &[]),
            ["apis"] => legacy::api_group_list(&self.groups.groups()),
            ["apis", group] => legacy::api_group(&self.groups.group(group)?),
            ["api", version] => legacy::api_resource_list("", &self.groups.version("", version)?),
            ["apis", group, version] => legacy::api_resource_list(group, &self.groups.version(group, version)?),
            _ => return None,
        };
        let mut response = json(&value, "application/json");
        if segments.len() == 1 {
            set(&mut response, header::VARY, "Accept");
        }
        Some(response)
    }

    /// Building a document takes long enough to leave the thread of other requests alone.
    async fn artifact<T: Send + 'static>(&self, build: impl FnOnce(&OpenApi) -> T + Send + 'static) -> Option<T> {
        let openapi = self.openapi.clone();
        tokio::task::spawn_blocking(move || build(&openapi)).await.ok()
    }

    async fn openapi(&self, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Response<Body>> {
        let accept = text(headers, header::ACCEPT);
        if path == "/openapi/v2" {
            let Some(representation) = openapi_v2(accept) else {
                return Some(empty(StatusCode::NOT_ACCEPTABLE));
            };
            let artifact = self.artifact(move |openapi| openapi.v2(representation)).await?;
            return Some(send(&artifact, Form::V2, representation, headers));
        }
        if matches!(path, "/openapi/v3" | "/openapi/v3/") {
            let index = self.artifact(OpenApi::v3_index).await?;
            return Some(send(&index, Form::V3, Representation::Json, headers));
        }
        let name = path.strip_prefix("/openapi/v3/")?.to_owned();
        let Some(representation) = openapi_v3(accept) else {
            return Some(empty(StatusCode::NOT_ACCEPTABLE));
        };
        let hash = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("hash=")));
        let hash = hash.unwrap_or_default().to_owned();
        match self
            .artifact(move |openapi| openapi.v3(&name, &hash, representation))
            .await?
        {
            ServerRelativePath::NotFound => None,
            ServerRelativePath::Moved(url) => {
                let mut response = empty(StatusCode::MOVED_PERMANENTLY);
                set(&mut response, header::LOCATION, &url);
                Some(response)
            }
            ServerRelativePath::Document { artifact, immutable } => {
                let mut response = send(&artifact, Form::V3, representation, headers);
                if immutable {
                    set(&mut response, header::CACHE_CONTROL, "public, immutable");
                }
                Some(response)
            }
        }
    }
}

#[async_trait]
impl Documents for ApiDocuments {
    async fn respond(&self, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Response<Body>> {
        match path.trim_start_matches('/').split('/').next() {
            Some("api" | "apis") => self.discovery(path, headers),
            Some("openapi") => self.openapi(path, query, headers).await,
            _ => None,
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(Vec::new()));
    *response.status_mut() = status;
    response
}

fn json(value: &Value, content_type: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string() + "\n"));
    set(&mut response, header::CONTENT_TYPE, content_type);
    response
}

fn send(artifact: &Artifact, form: Form, representation: Representation, headers: &HeaderMap) -> Response<Body> {
    let tag = format!("\"{}\"", artifact.etag);
    if text(headers, header::IF_NONE_MATCH) == tag {
        return empty(StatusCode::NOT_MODIFIED);
    }
    let gzip = accepts_gzip(text(headers, header::ACCEPT_ENCODING));
    let mut response = Response::new(if gzip {
        Body::from(artifact.gzip.clone())
    } else {
        Body::from(artifact.identity())
    });
    if gzip {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    set(
        &mut response,
        header::CONTENT_TYPE,
        openapi_content_type(form, representation),
    );
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::VARY, "Accept-Encoding, Accept");
    response
}
