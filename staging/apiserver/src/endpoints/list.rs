//! LIST: a snapshot's bytes strung together.

use std::sync::Arc;

use apimachinery::{
    codec::{self, negotiation::Encoding, protobuf},
    status::StatusError,
};
use apiserver_storage::{KeyRange, RangeOptions};
use bytes::Bytes;
use component_base::serving::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Call, Endpoint, Output, cache_status,
    respond::{
        METADATA_LIST, Shape, finish, gzip, object_bytes, partial_metadata, value_response, version_json, version_value,
    },
    table,
};
use crate::{
    cacher::{CacheError, CachedObject, Predicate, Snapshot},
    counts::Operation,
    options::{ContinueToken, ListOptions, VersionMatch},
    registry::Store,
};

/// What a list found.
pub(super) struct Page {
    pub(super) revision: u64,
    pub(super) objects: Vec<Arc<CachedObject>>,
    /// The relative key behind which the next page begins.
    next: Option<String>,
    remaining: Option<i64>,
}

impl Page {
    /// Everything there is, of no revision.
    pub(super) fn computed(objects: Vec<Arc<CachedObject>>) -> Self {
        Self {
            revision: 0,
            objects,
            next: None,
            remaining: None,
        }
    }
}

/// The predicate of a list, watch or deletion of a collection.
pub(super) fn predicate(call: &Call<'_>, endpoint: &Endpoint, options: &ListOptions) -> Result<Predicate, StatusError> {
    Predicate::new(
        endpoint.namespaced,
        &call.context.info.namespace,
        options.labels.clone(),
        &options.fields,
        &endpoint.fields,
        &endpoint.indexed_fields,
    )
    .map_err(|error| StatusError::bad_request(format!("field label not supported: {}", error.0)))
}

/// Answers a LIST.
pub(super) async fn list(call: &Call<'_>, endpoint: &Endpoint) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("list")?;
    let output = Output::negotiate(call, endpoint)?;
    let options = ListOptions::decode(&call.query)?;
    let predicate = predicate(call, endpoint, &options)?;
    let page = page(store, &predicate, &options).await?;
    respond(call, endpoint, &output, &page)
}

/// Reads one page.
pub(super) async fn page(store: &Store, predicate: &Predicate, options: &ListOptions) -> Result<Page, StatusError> {
    let limit = usize::try_from(options.limit).ok().filter(|limit| *limit > 0);
    if options.continue_token.is_empty() {
        return match options.version()? {
            VersionMatch::Exact(revision) => at_revision(store, predicate, limit, Some(revision), None, None).await,
            VersionMatch::Any if store.config().fresh_reads => latest(store, predicate, limit, None).await,
            VersionMatch::Any => Ok(of_snapshot(store, &store.cacher().snapshot(), predicate, limit, None)),
            VersionMatch::NotOlderThan(revision) => {
                let snapshot = store.cacher().snapshot_not_older_than(revision).await;
                Ok(of_snapshot(
                    store,
                    &snapshot.map_err(|error| cache_status(&error))?,
                    predicate,
                    limit,
                    None,
                ))
            }
            VersionMatch::Latest => latest(store, predicate, limit, None).await,
        };
    }
    if !matches!(options.resource_version.as_str(), "" | "0") {
        return Err(StatusError::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    let ContinueToken { revision, after } = ContinueToken::decode(&options.continue_token)?;
    match u64::try_from(revision) {
        Err(_) => latest(store, predicate, limit, Some(&after)).await,
        Ok(revision) => {
            at_revision(
                store,
                predicate,
                limit,
                Some(revision),
                Some(&after),
                Some(&options.continue_token),
            )
            .await
        }
    }
}

async fn latest(
    store: &Store,
    predicate: &Predicate,
    limit: Option<usize>,
    after: Option<&str>,
) -> Result<Page, StatusError> {
    match store.cacher().consistent_snapshot().await {
        Ok(snapshot) => Ok(of_snapshot(store, &snapshot, predicate, limit, after)),
        Err(CacheError::Unsure) => at_revision(store, predicate, limit, None, after, None).await,
        Err(error) => Err(cache_status(&error)),
    }
}

fn of_snapshot(
    store: &Store,
    snapshot: &Snapshot,
    predicate: &Predicate,
    limit: Option<usize>,
    after: Option<&str>,
) -> Page {
    let mut objects = Vec::new();
    let mut more = false;
    for object in snapshot.select(predicate, after) {
        if limit.is_some_and(|limit| objects.len() == limit) {
            more = true;
            break;
        }
        objects.push(object.clone());
    }
    let next = if more {
        objects.last().map(|object| object.key.to_string())
    } else {
        None
    };
    // Only a list without selectors knows how much is left.
    let remaining = next
        .as_ref()
        .filter(|_| predicate.is_everything_in_namespace())
        .map(|next| {
            let left = snapshot.select(predicate, Some(next)).count();
            i64::try_from(left).unwrap_or(i64::MAX)
        });
    let counts = store.cacher().counts();
    counts.lists.inc();
    counts.returned.add(objects.len());
    Page {
        revision: snapshot.revision,
        objects,
        next,
        remaining,
    }
}

/// Reads the store itself at a revision (`None`: the latest).
async fn at_revision(
    store: &Store,
    predicate: &Predicate,
    limit: Option<usize>,
    revision: Option<u64>,
    after: Option<&str>,
    token: Option<&str>,
) -> Result<Page, StatusError> {
    // The state that the first page was cut from is often still the current one.
    let current = store.cacher().snapshot();
    if revision == Some(current.revision) {
        return Ok(of_snapshot(store, &current, predicate, limit, after));
    }
    let page = of_store(store, predicate, limit, revision, after, token).await?;
    store.counts.lists.inc();
    store.counts.returned.add(page.objects.len());
    Ok(page)
}

async fn of_store(
    store: &Store,
    predicate: &Predicate,
    limit: Option<usize>,
    revision: Option<u64>,
    after: Option<&str>,
    token: Option<&str>,
) -> Result<Page, StatusError> {
    let cacher = store.cacher();
    let prefix = match predicate.namespace() {
        "" => cacher.prefix().to_owned(),
        namespace => format!("{}{namespace}/", cacher.prefix()),
    };
    let mut range = KeyRange::prefix(prefix);
    if let Some(after) = after {
        range = range.starting_at(format!("{}{after}\0", cacher.prefix()));
    }
    let mut page = Page {
        revision: 0,
        objects: Vec::new(),
        next: None,
        remaining: None,
    };
    let mut at = revision;
    loop {
        let options = RangeOptions {
            limit: Some(limit.map_or(10_000, |l| l.max(100))),
            revision: at,
            keys_only: false,
        };
        let counts = &store.counts;
        let read = counts
            .timed(Operation::List, store.storage().range(&range, options))
            .await;
        let read = read.map_err(|error| list_error(store, &error, token))?;
        at = Some(read.revision);
        page.revision = read.revision;
        counts.fetched.add(read.items.len());
        for (position, item) in read.items.iter().enumerate() {
            let key = String::from_utf8_lossy(&item.key[cacher.prefix().len()..]).into_owned();
            let stored = cacher
                .codec()
                .decode(&key, &item.value, item.mod_revision)
                .map_err(StatusError::internal_error)?;
            counts.evaluated.inc();
            if !predicate.matches(&stored) {
                continue;
            }
            if limit.is_some_and(|limit| page.objects.len() == limit) {
                page.next = page.objects.last().map(|object| object.key.to_string());
                if predicate.is_everything_in_namespace() {
                    let left = (read.items.len() - position) as u64 + read.remaining;
                    page.remaining = Some(i64::try_from(left).unwrap_or(i64::MAX));
                }
                return Ok(page);
            }
            page.objects.push(Arc::new(stored));
        }
        let Some(last) = read.items.last().filter(|_| read.more) else {
            return Ok(page);
        };
        range = range.starting_at(KeyRange::key(last.key.clone()).end.unwrap_or_default());
    }
}

/// A page of a compacted revision: the client may go on inconsistently, or begin anew.
fn list_error(store: &Store, error: &apiserver_storage::Error, token: Option<&str>) -> StatusError {
    use apiserver_storage::Error;

    match (error, token.and_then(|token| ContinueToken::decode(token).ok())) {
        (Error::Compacted { .. }, Some(ContinueToken { after, .. })) => {
            let inconsistent = ContinueToken { revision: -1, after }.encode();
            let message = "The provided continue parameter is too old to display a consistent list result. You can start a \
                           new list without the continue parameter, or use the continue token in this response to retrieve \
                           the remainder of the results. Continuing with the provided token results in an inconsistent list - \
                           objects that were created, modified, or deleted between the time the first chunk was returned and \
                           now may show up in the list.";
            let mut status = StatusError::resource_expired(message).into_status();
            status.metadata.continue_ = inconsistent;
            status.into()
        }
        (Error::Compacted { .. }, None) => {
            StatusError::resource_expired("The resourceVersion for the provided list is too old.")
        }
        (Error::FutureRevision { requested, current }, _) => cache_status(&CacheError::TooLarge {
            requested: *requested,
            current: *current,
        }),
        (other, _) => crate::registry::storage_status(other, store.group_resource(), ""),
    }
}

fn list_metadata(page: &Page) -> Value {
    if page.revision == 0 {
        return json!({});
    }
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let Some(next) = &page.next {
        let revision = i64::try_from(page.revision).unwrap_or(i64::MAX);
        let after = next.clone();
        metadata["continue"] = ContinueToken { revision, after }.encode().into();
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    metadata
}

pub(super) fn respond(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    page: &Page,
) -> Result<Response<Body>, StatusError> {
    output.check_shape(Shape::List, endpoint.internal_group(), &endpoint.kind.name)?;
    let metadata = list_metadata(page);
    match output.converts_to() {
        Some("Table") => {
            let rows: Result<Vec<Value>, StatusError> = page
                .objects
                .iter()
                .map(|object| table::row(call, endpoint, output, object))
                .collect();
            let value = table::of_rows(endpoint, output, &metadata, rows?, true);
            return value_response(call, output, StatusCode::OK, "Table", &value);
        }
        Some(_) => {
            let items: Result<Vec<Value>, StatusError> = page
                .objects
                .iter()
                .map(|object| partial_metadata(endpoint, object, output))
                .collect();
            let value = json!({
                "kind": METADATA_LIST,
                "apiVersion": output.meta_version(),
                "metadata": metadata,
                "items": items?,
            });
            return value_response(call, output, StatusCode::OK, METADATA_LIST, &value);
        }
        None => {}
    }
    let (api_version, kind) = (endpoint.codec.api_version(), format!("{}List", endpoint.codec.kind()));
    call.context.audit.response(|| {
        let items = page
            .objects
            .iter()
            .filter_map(|object| item_value(endpoint, object).ok());
        let items: Vec<Value> = items.collect();
        json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})
            .to_string()
            .into_bytes()
    });
    match output.media.encoding {
        Encoding::Json if !output.pretty => json_list(call, endpoint, page, &kind, &metadata),
        Encoding::Protobuf => protobuf_list(call, endpoint, output, page, &kind, &metadata),
        _ => {
            let items: Result<Vec<Value>, StatusError> =
                page.objects.iter().map(|object| item_value(endpoint, object)).collect();
            let value = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items?});
            value_response(call, output, StatusCode::OK, &kind, &value)
        }
    }
}

/// Items of built-in lists go without `kind` and `apiVersion`.
fn item_value(endpoint: &Endpoint, object: &Arc<CachedObject>) -> Result<Value, StatusError> {
    let mut value = version_value(endpoint, object)?;
    if let Value::Object(members) = &mut value {
        members.remove("kind");
        members.remove("apiVersion");
    }
    Ok(value)
}

/// The cached slices as they are, between head and tail: no copy, no encoding.
fn json_list(
    call: &Call<'_>,
    endpoint: &Endpoint,
    page: &Page,
    kind: &str,
    metadata: &Value,
) -> Result<Response<Body>, StatusError> {
    static OPEN: &[u8] = b"{";
    static COMMA_OPEN: &[u8] = b",{";
    let head = codec::json::list_head(endpoint.codec.api_version(), kind, metadata.to_string().as_bytes())
        .map_err(StatusError::internal_error)?;
    let mut chunks: Vec<Bytes> = Vec::with_capacity(page.objects.len() * 2 + 2);
    let mut size = head.len();
    chunks.push(head.into());
    for (position, object) in page.objects.iter().enumerate() {
        let json = version_json(endpoint, object)?;
        let skipped = 1 + codec::json::leading_type_meta(&json);
        chunks.push(Bytes::from_static(if position == 0 { OPEN } else { COMMA_OPEN }));
        size += json.len() + 2;
        chunks.push(json.slice(skipped..));
    }
    chunks.push(Bytes::from_static(codec::json::LIST_TAIL));
    if codec::negotiation::should_gzip(call.header(http::header::ACCEPT_ENCODING), size) {
        let whole: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
        let mut response = finish(call, Encoding::Json.media_type(), StatusCode::OK, Bytes::new());
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
        headers.insert(http::header::VARY, http::HeaderValue::from_static("Accept-Encoding"));
        *response.body_mut() = Body::from(gzip(&whole));
        return Ok(response);
    }
    let mut response = finish(call, Encoding::Json.media_type(), StatusCode::OK, Bytes::new());
    *response.body_mut() = Body::chunks(chunks);
    Ok(response)
}

fn protobuf_list(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    page: &Page,
    kind: &str,
    metadata: &Value,
) -> Result<Response<Body>, StatusError> {
    let codec = protobuf::ProtobufCodec::builtin();
    let list_meta =
        k8s_api::definition("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta").expect("the tables hold ListMeta");
    let meta = codec
        .encode_message(list_meta, metadata)
        .map_err(StatusError::internal_error)?;
    let mut items = Vec::with_capacity(page.objects.len());
    for object in &page.objects {
        // What is cached is the whole body of a single object; a list holds the bare message.
        let bytes = object_bytes(endpoint, object, output)?;
        let raw = protobuf::Envelope::decode(&bytes)
            .map_err(StatusError::internal_error)?
            .raw
            .to_vec();
        items.push(raw);
    }
    let bytes = protobuf::wrap_list(
        endpoint.codec.api_version(),
        kind,
        &meta,
        items.iter().map(Vec::as_slice),
    );
    Ok(finish(
        call,
        Encoding::Protobuf.media_type(),
        StatusCode::OK,
        bytes.into(),
    ))
}
