//! Gets and lists of objects of any kind, as JSON or as tables.

use apimachinery::status::StatusError;
use client_go::Error as ClientError;
use client_go::api::Resource;
use client_go::discovery::ApiResource;
use client_go::rest::Client;
use http::Method;
use k8s_api::primitives::quote;
use serde_json::Value;

use super::text_at;
use crate::Result;

/// What to accept to get a table where the server makes one.
pub const TABLE: &str =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
pub(super) const JSON: &str = "application/json";

/// How objects are asked for.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) accept: &'static str,
    pub(super) include_object: Option<&'static str>,
}

pub(super) fn resource(client: &Client, mapping: &ApiResource, namespace: &str) -> Resource {
    let namespace = (mapping.namespaced && !namespace.is_empty()).then(|| namespace.to_owned());
    Resource::new(client.clone(), mapping.group_version_resource(), namespace)
}

fn decode(body: &[u8]) -> Result<Value> {
    Ok(serde_json::from_slice(body).map_err(|error| ClientError::Decode(error.to_string()))?)
}

/// One object as JSON.
///
/// # Errors
/// The server does not have it, or cannot be asked.
pub async fn get(client: &Client, mapping: &ApiResource, namespace: &str, name: &str) -> Result<Value> {
    let asking = Asking {
        accept: JSON,
        include_object: None,
    };
    get_as(client, mapping, namespace, name, "", &asking).await
}

pub(super) async fn get_as(
    client: &Client,
    mapping: &ApiResource,
    namespace: &str,
    name: &str,
    subresource: &str,
    asking: &Asking,
) -> Result<Value> {
    let request = resource(client, mapping, namespace)
        .object(Method::GET, name, Some(subresource).filter(|text| !text.is_empty()))?
        .accept(asking.accept)
        .query_some("includeObject", asking.include_object);
    match request.send().await {
        Ok(response) => decode(&response.body),
        Err(error) => {
            // A namespace that is not there is the better news.
            if error.is_not_found()
                && mapping.namespaced
                && !namespace.is_empty()
                && namespace != "default"
                && let Err(other) = client
                    .request(Method::GET, format!("/api/v1/namespaces/{namespace}"))
                    .send()
                    .await
                && other.is_not_found()
            {
                return Err(other.into());
            }
            Err(error.into())
        }
    }
}

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Selection<'s> {
    pub(super) labels: &'s str,
    pub(super) fields: &'s str,
    pub(super) limit: i64,
}

/// Every object of a collection, page by page as JSON lists.
///
/// # Errors
/// The server cannot be asked.
pub async fn list(
    client: &Client,
    mapping: &ApiResource,
    namespace: &str,
    labels: &str,
    fields: &str,
) -> Result<Vec<Value>> {
    list_chunked(client, mapping, namespace, labels, fields, 500).await
}

/// [`list`] with pages of at most `limit` objects; 0 asks for all at once.
///
/// # Errors
/// The server cannot be asked.
pub async fn list_chunked(
    client: &Client,
    mapping: &ApiResource,
    namespace: &str,
    labels: &str,
    fields: &str,
    limit: i64,
) -> Result<Vec<Value>> {
    let asking = Asking {
        accept: JSON,
        include_object: None,
    };
    let selection = Selection { labels, fields, limit };
    list_as(client, mapping, namespace, &selection, &asking).await
}

pub(super) async fn list_as(
    client: &Client,
    mapping: &ApiResource,
    namespace: &str,
    selection: &Selection<'_>,
    asking: &Asking,
) -> Result<Vec<Value>> {
    let resource = resource(client, mapping, namespace);
    let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let (mut pages, mut next) = (Vec::new(), String::new());
    loop {
        let request = resource
            .collection(Method::GET)
            .accept(asking.accept)
            .query_some("includeObject", asking.include_object)
            .query_some("fieldSelector", some(selection.fields).as_deref())
            .query_some("labelSelector", some(selection.labels).as_deref())
            .query_some(
                "limit",
                (selection.limit > 0).then(|| selection.limit.to_string()).as_deref(),
            )
            .query_some("continue", some(&next).as_deref());
        let response = request
            .send()
            .await
            .map_err(|error| enhance(error, mapping, selection))?;
        let mut page = decode(&response.body)?;
        complete_items(&mut page);
        text_at(&page, &["metadata", "continue"]).clone_into(&mut next);
        pages.push(page);
        if next.is_empty() {
            return Ok(pages);
        }
    }
}

/// Items of a typed list do not say what they are.
fn complete_items(page: &mut Value) {
    let api_version = page["apiVersion"].clone();
    let Some(kind) = text_at(page, &["kind"]).strip_suffix("List").map(str::to_owned) else {
        return;
    };
    let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) else {
        return;
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.entry("kind").or_insert_with(|| kind.as_str().into());
        item.entry("apiVersion").or_insert_with(|| api_version.clone());
    }
}

/// Says what could not be listed.
fn enhance(error: ClientError, mapping: &ApiResource, selection: &Selection<'_>) -> ClientError {
    let ClientError::Status(status) = &error else {
        return error;
    };
    let bad_request = status.is(apimachinery::status::Reason::BadRequest);
    if status.is_expired() || !(bad_request || status.is_not_found()) {
        return error;
    }
    let resource = quote(&mapping.group_version_resource().to_string());
    let mut changed = status.clone().into_status();
    changed.message = if selection.labels.is_empty() && selection.fields.is_empty() {
        format!("Unable to list {resource}: {}", changed.message)
    } else {
        format!(
            "Unable to find {resource} that match label selector {}, field selector {}: {}",
            quote(selection.labels),
            quote(selection.fields),
            changed.message
        )
    };
    ClientError::Status(StatusError::from(changed))
}
