//! Discovery and OpenAPI as the server publishes them.

mod discovery;
mod openapi;

use std::sync::Arc;

use apiserver::server::Documents;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use k8s_api::scheme::api_version;
use kube_openapi::{
    discovery::{ApiGroups, Source, legacy::ServerAddress},
    openapi::OpenApi,
};
use kubeapiserver::authentication::IssuerDocuments;

/// The documents about the API, with what comes and goes at run time.
#[derive(Debug)]
pub(crate) struct ApiDocuments {
    groups: ApiGroups,
    openapi: Arc<OpenApi>,
    /// Where clients of any network find the server.
    addresses: Vec<ServerAddress>,
    /// About the tokens of service accounts.
    issuer: Option<IssuerDocuments>,
}

impl ApiDocuments {
    /// The documents of a server with this version, which clients reach at `address` (host and port).
    pub(crate) fn new(version: &str, address: String, issuer: Option<IssuerDocuments>) -> Self {
        let everyone = |server_address| ServerAddress {
            client_cidr: "0.0.0.0/0".to_owned(),
            server_address,
        };
        Self {
            groups: ApiGroups::with_builtin(),
            openapi: Arc::new(OpenApi::new(version)),
            addresses: vec![everyone(address)],
            issuer,
        }
    }

    /// Leaves a built-in resource out of discovery and OpenAPI, and with the last one its version.
    pub(crate) fn withdraw(&self, group: &str, version: &str, resource: &str) {
        self.openapi.withdraw(group, version, resource);
        let Some(mut left) = self.groups.version(group, version) else {
            return;
        };
        left.resources.retain(|of| of.name != resource);
        if left.resources.is_empty() {
            self.groups.remove(Source::Builtin, group, version);
        } else {
            self.groups.add(Source::Builtin, group, left, None);
        }
    }
}

#[async_trait]
impl Documents for ApiDocuments {
    async fn respond(&self, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Response<Body>> {
        match path.trim_start_matches('/').split('/').next() {
            Some("api" | "apis") => self.discovery(path, headers),
            Some("openapi") => self.openapi(path, query, headers).await,
            Some("openid" | ".well-known") => self.issuer.as_ref()?.respond(path),
            _ => None,
        }
    }

    fn has_group(&self, group: &str) -> bool {
        self.groups.group(group).is_some()
    }

    fn paths(&self) -> Vec<String> {
        let fixed = ["/api", "/apis", "/openapi/v2", "/openapi/v3", "/openapi/v3/"];
        let mut paths: Vec<String> = fixed.map(str::to_owned).into();
        if self.issuer.is_some() {
            paths.extend(IssuerDocuments::PATHS.map(str::to_owned));
        }
        for group in self.groups.groups().iter() {
            let root = if group.name.is_empty() { "/api" } else { "/apis" };
            if !group.name.is_empty() {
                paths.push(format!("{root}/{}", group.name));
            }
            let versions = group.versions.iter();
            paths.extend(versions.map(|version| format!("{root}/{}", api_version(&group.name, &version.version))));
        }
        paths
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
