//! Discovery and OpenAPI as the server publishes them.

use apiserver::server::Documents;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{HeaderMap, HeaderValue, Response, header};
use k8s_api::scheme::{self, ResourceInfo};
use serde_json::{Value, json};

/// Discovery of the built-in resources.
#[derive(Debug)]
pub(crate) struct BuiltinDocuments;

#[async_trait]
impl Documents for BuiltinDocuments {
    async fn respond(&self, path: &str, _headers: &HeaderMap) -> Option<Response<Body>> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let value = match segments.as_slice() {
            ["api"] => json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [],
            }),
            ["apis"] => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()}),
            ["apis", group] => {
                let mut found = groups().into_iter().find(|g| g["name"] == **group)?;
                found["kind"] = "APIGroup".into();
                found["apiVersion"] = "v1".into();
                found
            }
            ["api", "v1"] => resource_list("", "v1")?,
            ["apis", group, version] => resource_list(group, version)?,
            _ => return None,
        };
        let mut response = Response::new(Body::from(value.to_string() + "\n"));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(response)
    }
}

fn groups() -> Vec<Value> {
    let mut groups: Vec<Value> = Vec::new();
    for info in scheme::resources().iter().filter(|info| !info.group.is_empty()) {
        let version = json!({"groupVersion": info.api_version(), "version": info.version});
        match groups.iter_mut().find(|group| group["name"] == info.group) {
            Some(group) => {
                let versions = group["versions"].as_array_mut().expect("versions were made as a list");
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
            None => groups.push(json!({"name": info.group, "versions": [version], "preferredVersion": version})),
        }
    }
    groups
}

fn resource_list(group: &str, version: &str) -> Option<Value> {
    let resources: Vec<&ResourceInfo> = scheme::resources()
        .iter()
        .filter(|info| info.group == group && info.version == version)
        .collect();
    let first = resources.first()?;
    let mut entries = Vec::new();
    for info in &resources {
        let mut entry = json!({
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": info.verbs,
        });
        if !info.short_names.is_empty() {
            entry["shortNames"] = json!(info.short_names);
        }
        if !info.categories.is_empty() {
            entry["categories"] = json!(info.categories);
        }
        entries.push(entry);
        for subresource in info.subresources {
            entries.push(json!({
                "name": format!("{}/{subresource}", info.plural),
                "singularName": "",
                "namespaced": info.namespaced,
                "kind": info.kind,
                "verbs": ["get", "patch", "update"],
            }));
        }
    }
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": first.api_version(),
        "resources": entries,
    }))
}
