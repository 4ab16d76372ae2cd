//! Asks a server what it serves: two requests where it knows aggregated discovery, one a version where it does not.

use http::Method;
use http::header::CONTENT_TYPE;
use k8s_api::Kind as _;
use k8s_api::meta::v1::{APIGroupList, APIResourceList, APIVersions};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ApiGroup, ApiResource, ApiVersion};
use crate::rest::{Client, Error, RawResponse};

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// What a server serves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovered {
    /// The groups, in the server's order.
    pub groups: Vec<ApiGroup>,
    /// Versions that could not be asked: `group/version` and why. The others are complete.
    pub failed: Vec<(String, String)>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Aggregated {
    items: Vec<AggregatedGroup>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AggregatedGroup {
    metadata: k8s_api::meta::v1::ObjectMeta,
    versions: Vec<AggregatedVersion>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AggregatedVersion {
    version: String,
    resources: Vec<AggregatedResource>,
    freshness: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AggregatedResource {
    resource: String,
    response_kind: Option<ResponseKind>,
    scope: String,
    singular_resource: String,
    verbs: Vec<String>,
    short_names: Vec<String>,
    categories: Vec<String>,
    subresources: Vec<AggregatedSubresource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseKind {
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AggregatedSubresource {
    subresource: String,
}

/// Asks for everything.
///
/// # Errors
/// The server cannot be asked, or not a single version could be.
pub async fn discover(client: &Client) -> Result<Discovered, Error> {
    let mut all = Discovered::default();
    for path in ["/api", "/apis"] {
        // Discovery must not wait behind a program's own requests.
        let response = match client
            .request(Method::GET, path)
            .accept(ACCEPT)
            .unlimited()
            .send()
            .await
        {
            Ok(response) => response,
            // A server for aggregation has no core group.
            Err(error) if error.is_not_found() || error.is_forbidden() => continue,
            Err(error) => return Err(error),
        };
        if is_aggregated(&response) {
            add_aggregated(decode(&response)?, &mut all);
        } else {
            legacy(client, path, &response, &mut all).await?;
        }
    }
    if let ([], [(version, error), ..]) = (all.groups.as_slice(), all.failed.as_slice()) {
        return Err(Error::Invalid(format!(
            "unable to retrieve the complete list of server APIs: {version}: {error}"
        )));
    }
    Ok(all)
}

fn is_aggregated(response: &RawResponse) -> bool {
    let content_type = response
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    content_type
        .split(';')
        .any(|part| part.trim() == "as=APIGroupDiscoveryList")
}

fn decode<T: DeserializeOwned>(response: &RawResponse) -> Result<T, Error> {
    serde_json::from_slice(&response.body).map_err(|error| Error::Decode(error.to_string()))
}

fn add_aggregated(list: Aggregated, all: &mut Discovered) {
    for group in list.items {
        let name = group.metadata.name;
        let mut versions = Vec::new();
        for version in group.versions {
            if version.freshness == "Stale" {
                let stale = k8s_api::scheme::api_version(&name, &version.version);
                all.failed
                    .push((stale.clone(), format!("stale GroupVersion discovery: {stale}")));
                continue;
            }
            let resource = |resource: AggregatedResource| ApiResource {
                group: name.clone(),
                version: version.version.clone(),
                kind: resource.response_kind.unwrap_or_default().kind,
                name: resource.resource,
                singular: resource.singular_resource,
                namespaced: resource.scope == "Namespaced",
                verbs: resource.verbs,
                short_names: resource.short_names,
                categories: resource.categories,
                subresources: resource.subresources.into_iter().map(|sub| sub.subresource).collect(),
            };
            let resources = version.resources.into_iter().map(resource).collect();
            versions.push(ApiVersion {
                version: version.version,
                resources,
            });
        }
        if !versions.is_empty() {
            all.groups.push(ApiGroup { name, versions });
        }
    }
}

async fn legacy(client: &Client, path: &str, response: &RawResponse, all: &mut Discovered) -> Result<(), Error> {
    let undecodable = |error: serde_json::Error| Error::Decode(error.to_string());
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    if path == "/api" {
        groups.push((
            String::new(),
            APIVersions::from_json(&response.body).map_err(undecodable)?.versions,
        ));
    } else {
        for group in APIGroupList::from_json(&response.body).map_err(undecodable)?.groups {
            let mut versions: Vec<_> = group.versions.into_iter().map(|version| version.version).collect();
            // The preferred one first; the others stay in their order.
            versions.sort_by_key(|version| *version != group.preferred_version.version);
            groups.push((group.name, versions));
        }
    }
    for (name, versions) in groups {
        let lists = versions.iter().map(|version| version_resources(client, &name, version));
        let mut found = Vec::new();
        for (version, outcome) in versions.iter().zip(futures::future::join_all(lists).await) {
            match outcome {
                Ok(resources) => found.push(ApiVersion {
                    version: version.clone(),
                    resources,
                }),
                Err(error) if error.is_not_found() => {}
                Err(error) => all
                    .failed
                    .push((k8s_api::scheme::api_version(&name, version), error.to_string())),
            }
        }
        if !found.is_empty() {
            all.groups.push(ApiGroup { name, versions: found });
        }
    }
    Ok(())
}

async fn version_resources(client: &Client, group: &str, version: &str) -> Result<Vec<ApiResource>, Error> {
    let path = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    let response = client.request(Method::GET, path).unlimited().send().await?;
    let list = APIResourceList::from_json(&response.body).map_err(|error| Error::Decode(error.to_string()))?;
    let mut resources: Vec<ApiResource> = Vec::new();
    let mut subresources: Vec<(String, String)> = Vec::new();
    for resource in list.resources {
        if let Some((owner, subresource)) = resource.name.split_once('/') {
            subresources.push((owner.to_owned(), subresource.to_owned()));
            continue;
        }
        resources.push(ApiResource {
            group: if resource.group.is_empty() {
                group.to_owned()
            } else {
                resource.group
            },
            version: if resource.version.is_empty() {
                version.to_owned()
            } else {
                resource.version
            },
            name: resource.name,
            singular: resource.singular_name,
            kind: resource.kind,
            namespaced: resource.namespaced,
            verbs: resource.verbs,
            short_names: resource.short_names,
            categories: resource.categories,
            subresources: Vec::new(),
        });
    }
    for (owner, subresource) in subresources {
        if let Some(resource) = resources.iter_mut().find(|resource| resource.name == owner) {
            resource.subresources.push(subresource);
        }
    }
    Ok(resources)
}
