//! The aggregated form: everything in one document (`apidiscovery.k8s.io`).

use serde_json::{Map, Value, json};

use super::types::{ApiGroup, ApiVersion, GroupVersionKind, Resource, ResourceSubresource};
use crate::digest::etag;

/// API group of the aggregated documents.
pub const GROUP: &str = "apidiscovery.k8s.io";
/// Kind of the aggregated documents.
pub const KIND: &str = "APIGroupDiscoveryList";
/// The version that is served. `v2beta1` had the same form, and is no longer.
pub const VERSION: &str = "v2";

/// A list of groups with its entity tag.
#[derive(Debug, Clone)]
pub struct Document {
    /// The `APIGroupDiscoveryList`.
    pub value: Value,
    /// The entity tag, without quotes.
    pub etag: String,
}

impl Document {
    fn new(groups: Vec<Value>) -> Self {
        let value = json!({
            "kind": KIND,
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "metadata": {},
            "items": groups,
        });
        let etag = etag(value.to_string().as_bytes());
        Self { value, etag }
    }
}

/// What aggregated discovery answers under the two roots.
#[derive(Debug, Clone)]
pub struct AggregatedDiscovery {
    /// Under `/api`: the core group.
    pub api: Document,
    /// Under `/apis`: all other groups.
    pub apis: Document,
}

impl AggregatedDiscovery {
    /// The documents of these groups.
    #[must_use]
    pub fn new(groups: &[ApiGroup]) -> Self {
        let list = |core: bool| {
            let chosen = groups.iter().filter(|g| g.name.is_empty() == core);
            Document::new(chosen.map(group).collect())
        };
        Self {
            api: list(true),
            apis: list(false),
        }
    }
}

fn group(group: &ApiGroup) -> Value {
    let metadata = if group.name.is_empty() {
        json!({})
    } else {
        json!({"name": group.name})
    };
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    json!({"metadata": metadata, "versions": versions})
}

fn version(version: &ApiVersion) -> Value {
    let mut members = Map::new();
    members.insert("version".into(), version.version.as_ref().into());
    if !version.resources.is_empty() {
        let resources: Vec<Value> = version.resources.iter().map(resource).collect();
        members.insert("resources".into(), resources.into());
    }
    members.insert("freshness".into(), version.freshness.as_str().into());
    Value::Object(members)
}

fn resource(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.name,
        "responseKind": kind(&resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.subresources.is_empty() {
        entry["subresources"] = resource.subresources.iter().map(subresource).collect();
    }
    entry
}

fn subresource(subresource: &ResourceSubresource) -> Value {
    json!({
        "subresource": subresource.name,
        "responseKind": kind(&subresource.kind),
        "verbs": subresource.verbs,
    })
}

fn kind(kind: &GroupVersionKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// Reads the documents of an aggregated server's answer, for merging them into this server's.
///
/// # Errors
/// If the value is not an `APIGroupDiscoveryList`, names the member that is wrong.
pub fn parse(value: &Value) -> Result<Vec<ApiGroup>, ParseError> {
    if value["kind"] != KIND {
        return Err(ParseError("kind"));
    }
    list(value, "items", parse_group)
}

/// A member of an aggregated document that is missing or of another type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an aggregated discovery document: member {0:?} is missing or of the wrong type")]
pub struct ParseError(&'static str);

fn list<T>(
    value: &Value,
    member: &'static str,
    parse: impl Fn(&Value) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    match &value[member] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(parse).collect(),
        _ => Err(ParseError(member)),
    }
}

type Text = std::borrow::Cow<'static, str>;

fn text(value: &Value, member: &'static str) -> Result<Text, ParseError> {
    match &value[member] {
        Value::Null => Ok("".into()),
        Value::String(text) => Ok(text.clone().into()),
        _ => Err(ParseError(member)),
    }
}

fn texts(value: &Value, member: &'static str) -> Result<Vec<Text>, ParseError> {
    list(value, member, |item| {
        let text = item.as_str().ok_or(ParseError(member))?;
        Ok(text.to_owned().into())
    })
}

fn parse_group(value: &Value) -> Result<ApiGroup, ParseError> {
    Ok(ApiGroup {
        name: text(&value["metadata"], "name")?,
        versions: list(value, "versions", parse_version)?,
    })
}

fn parse_version(value: &Value) -> Result<ApiVersion, ParseError> {
    let freshness = match text(value, "freshness")?.as_ref() {
        "Stale" => super::Freshness::Stale,
        _ => super::Freshness::Current,
    };
    Ok(ApiVersion {
        version: text(value, "version")?,
        freshness,
        resources: list(value, "resources", parse_resource)?,
    })
}

fn parse_kind(value: &Value) -> Result<GroupVersionKind, ParseError> {
    let kind = &value["responseKind"];
    Ok(GroupVersionKind {
        group: text(kind, "group")?,
        version: text(kind, "version")?,
        kind: text(kind, "kind")?,
    })
}

fn parse_resource(value: &Value) -> Result<Resource, ParseError> {
    Ok(Resource {
        name: text(value, "resource")?,
        singular: text(value, "singularResource")?,
        kind: parse_kind(value)?,
        namespaced: text(value, "scope")? == "Namespaced",
        verbs: texts(value, "verbs")?,
        short_names: texts(value, "shortNames")?,
        categories: texts(value, "categories")?,
        storage_version_hash: "".into(),
        subresources: list(value, "subresources", |value| {
            Ok(ResourceSubresource {
                name: text(value, "subresource")?,
                kind: parse_kind(value)?,
                verbs: texts(value, "verbs")?,
            })
        })?,
    })
}
