//! The unaggregated form: one request a group version.
//!
//! The values are those of `meta/v1` kinds, so that the API server's codec can write them in any
//! media type.

use k8s_api::scheme::api_version;
use serde_json::{Map, Value, json};

use super::types::{ApiGroup, ApiVersion, Resource};

/// An address of the server, for clients out of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// The clients' network.
    pub client_cidr: String,
    /// Host and port.
    pub server_address: String,
}

/// `/api`: the versions of the core group. Without `apiVersion`, as clients have always seen it.
#[must_use]
pub fn api_versions(core: &ApiGroup, addresses: &[ServerAddress]) -> Value {
    let versions: Vec<&str> = core.versions.iter().map(|v| v.version.as_ref()).collect();
    let addresses: Vec<Value> = addresses
        .iter()
        .map(|a| json!({"clientCIDR": a.client_cidr, "serverAddress": a.server_address}))
        .collect();
    json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": addresses})
}

fn group_members(group: &ApiGroup) -> Map<String, Value> {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|v| json!({"groupVersion": api_version(&group.name, &v.version), "version": v.version}))
        .collect();
    let mut members = Map::new();
    members.insert("name".into(), group.name.as_ref().into());
    if let Some(preferred) = versions.first() {
        members.insert("preferredVersion".into(), preferred.clone());
    }
    members.insert("versions".into(), versions.into());
    members
}

/// `/apis/<group>`.
#[must_use]
pub fn api_group(group: &ApiGroup) -> Value {
    let mut members = group_members(group);
    members.insert("kind".into(), "APIGroup".into());
    members.insert("apiVersion".into(), "v1".into());
    Value::Object(members)
}

/// `/apis`: all groups but the core group.
#[must_use]
pub fn api_group_list(groups: &[ApiGroup]) -> Value {
    let named = groups.iter().filter(|g| !g.name.is_empty());
    let groups: Vec<Value> = named.map(|g| Value::Object(group_members(g))).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/api/v1` and `/apis/<group>/<version>`; the core group's has no `apiVersion`.
#[must_use]
pub fn api_resource_list(group: &str, version: &ApiVersion) -> Value {
    let resources: Vec<Value> = version.resources.iter().flat_map(resource).collect();
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": api_version(group, &version.version),
        "resources": resources,
    });
    if !group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    list
}

/// The entry of a resource and those of its subresources.
fn resource(resource: &Resource) -> Vec<Value> {
    let mut entry = json!({
        "name": resource.name,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind.kind,
        "verbs": resource.verbs,
    });
    insert(&mut entry, "group", &resource.kind.group);
    insert(&mut entry, "version", &resource.kind.version);
    insert(&mut entry, "storageVersionHash", &resource.storage_version_hash);
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subresources = resource.subresources.iter().map(|sub| {
        let mut entry = json!({
            "name": format!("{}/{}", resource.name, sub.name),
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": sub.kind.kind,
            "verbs": sub.verbs,
        });
        insert(&mut entry, "group", &sub.kind.group);
        insert(&mut entry, "version", &sub.kind.version);
        entry
    });
    std::iter::once(entry).chain(subresources).collect()
}

fn insert(entry: &mut Value, key: &str, text: &str) {
    if !text.is_empty() {
        entry[key] = text.into();
    }
}
