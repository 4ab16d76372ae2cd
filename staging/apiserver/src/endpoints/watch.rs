//! WATCH: shared frames, one stream a watcher.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apimachinery::{
    codec::{json, negotiation::Encoding, protobuf},
    status::StatusError,
};
use bytes::Bytes;
use component_base::serving::{Body, Part};
use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use http::{HeaderValue, Response, header};
use k8s_api::Kind as _;
use rand::Rng as _;
use serde_json::json;
use streaming::{
    is_websocket_request,
    websocket::sender::{Framing, serve_messages},
};
use tokio_util::sync::CancellationToken;

use super::{
    Call, Endpoint, Output, cache_status, list,
    respond::{METADATA_LIST, encoding_id, object_bytes, of_metadata},
    table,
};
use crate::{
    cacher::{CachedObject, EventType, WatchItem, WatchStart, WatchStream, json_frame},
    options::ListOptions,
    request::RequestContext,
    server::WatchEvents,
};

/// Marks the bookmark behind the initial objects.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Answers a WATCH.
pub(super) async fn watch(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    context: Arc<RequestContext>,
) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("watch")?;
    let output = Output::negotiate_watch(call)?;
    let options = ListOptions::decode(&call.query)?;
    let predicate = list::predicate(call, endpoint, &options)?;
    let announce = options.send_initial_events == Some(true) && options.bookmarks;
    let start = start(&options)?;
    let stream = store
        .cacher()
        .watch(predicate, start, announce, options.bookmarks)
        .await;
    let stream = stream.map_err(|error| cache_status(&error));
    let frames = Frames {
        stream: match stream {
            Ok(stream) => Some(stream),
            // The stream begins and ends with the error: that is how clients expect a 410.
            Err(status) if status.is_expired() => None,
            Err(status) => return Err(status),
        },
        endpoint: endpoint.clone(),
        output,
        context,
        include_object: call.query.text("includeObject"),
        columns_sent: false,
        events: call.watches.map(|watches| watches.of(&endpoint.resource)),
    };
    let first = match &frames.stream {
        Some(_) => None,
        None => {
            let revision = options.revision().unwrap_or(0);
            let oldest = store.cacher().snapshot().revision;
            let status = StatusError::resource_expired(format!("too old resource version: {revision} ({oldest})"));
            Some(frames.error(&status))
        }
    };
    let timeout = options
        .timeout_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0);
    let timeout = timeout.map_or_else(
        || call.min_watch.mul_f64(rand::rng().random_range(1.0..2.0)),
        Duration::from_secs,
    );
    if let Some(serving) = &call.serving {
        serving.mark_long_running();
    }
    let end = call
        .serving
        .as_ref()
        .map(|serving| serving.end_of_long_running().clone());
    let content_type = frames
        .output
        .media
        .encoding
        .watch_content_type()
        .unwrap_or("application/json");
    let encoding = frames.output.media.encoding;
    let stream = stream_of(frames, first, timeout, end);
    if is_websocket_request(&call.headers) {
        return over_websocket(call, encoding, stream);
    }
    let frames = stream.map(|bytes| Ok::<_, Infallible>(http_body::Frame::data(bytes)));
    let mut response = Response::new(Body::boxed(http_body_util::StreamBody::new(frames)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    Ok(response)
}

/// Answers with a WebSocket: an event a message, without the length that stands before those of protobuf.
fn over_websocket(
    call: &Call<'_>,
    encoding: Encoding,
    frames: impl Stream<Item = Bytes> + Send + 'static,
) -> Result<Response<Body>, StatusError> {
    let connections = call.owner_of_upgraded()?;
    let request = http::Request::from_parts(call.parts.clone(), ());
    let (framing, skipped) = match encoding {
        Encoding::Protobuf => (Framing::Binary, protobuf::WATCH_LENGTH),
        _ => (Framing::Text, 0),
    };
    let messages = frames.map(move |frame| frame.slice(skipped..));
    Ok(serve_messages(request, framing, messages, connections).map(Body::boxed))
}

fn start(options: &ListOptions) -> Result<WatchStart, StatusError> {
    let revision = options.revision()?;
    let initial = options.send_initial_events == Some(true);
    Ok(match options.resource_version.as_str() {
        "" => WatchStart::Current,
        "0" => WatchStart::Any,
        _ if initial => WatchStart::InitialNotOlderThan(revision),
        _ => WatchStart::Behind(revision),
    })
}

struct Frames {
    stream: Option<WatchStream>,
    endpoint: Arc<Endpoint>,
    output: Output,
    context: Arc<RequestContext>,
    include_object: String,
    columns_sent: bool,
    events: Option<WatchEvents>,
}

/// The frames of a watch until it ends: by itself, after its time, or because the server does.
struct Events {
    frames: Frames,
    /// What stands before everything else.
    first: Option<Bytes>,
    over: BoxFuture<'static, ()>,
    /// Has `over` polled when it was woken, and not with every event.
    part: Part,
}

fn stream_of(frames: Frames, first: Option<Bytes>, timeout: Duration, end: Option<CancellationToken>) -> Events {
    let timeout = tokio::time::sleep(timeout);
    let over = async move {
        match end {
            Some(end) => tokio::select! {
                () = timeout => {}
                () = end.cancelled() => {}
            },
            None => timeout.await,
        }
    };
    Events {
        frames,
        first,
        over: over.boxed(),
        part: Part::new(),
    }
}

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        if let Some(bytes) = this.first.take() {
            return Poll::Ready(Some(bytes));
        }
        let Some(stream) = &mut this.frames.stream else {
            return Poll::Ready(None);
        };
        let item = match stream.poll_next(context) {
            Poll::Ready(Some(item)) => item,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                return this
                    .part
                    .poll(context, |context| this.over.poll_unpin(context))
                    .map(|()| None);
            }
        };
        if this.frames.output.converts_to() == Some(METADATA_LIST) {
            // No event is a list. Clients know an end without a word as what comes of asking so.
            return Poll::Ready(None);
        }
        let bytes = match this.frames.encode(&item) {
            Ok(bytes) => {
                if let Some(events) = &this.frames.events {
                    events.sent(bytes.len());
                }
                bytes
            }
            Err(status) => {
                this.frames.stream = None;
                this.frames.error(&status)
            }
        };
        Poll::Ready(Some(bytes))
    }
}

impl Frames {
    fn encode(&mut self, item: &WatchItem) -> Result<Bytes, StatusError> {
        match item {
            WatchItem::Initial(object) => self.object(EventType::Added, object),
            WatchItem::Event(kind, event) => {
                if self.output.converts_to() == Some("Table") || self.output.pretty {
                    return self.object(*kind, event.object_for(*kind));
                }
                let metadata = self.output.converts_to().is_some();
                match (self.output.media.encoding, metadata) {
                    (Encoding::Json, false) if self.endpoint.is_hub => Ok(event.json_frame(*kind)),
                    _ => {
                        let id = encoding_id(&self.endpoint, self.output.form());
                        let object = event.object_for(*kind).clone();
                        event.frame(*kind, id, |_| {
                            self.frame(*kind, &object_bytes(&self.endpoint, &object, &self.output)?)
                        })
                    }
                }
            }
            WatchItem::Bookmark(revision) => self.bookmark(*revision, false),
            WatchItem::InitialEnd(revision) => self.bookmark(*revision, true),
        }
    }

    fn object(&mut self, kind: EventType, object: &Arc<CachedObject>) -> Result<Bytes, StatusError> {
        if self.output.converts_to() != Some("Table") {
            let bytes = object_bytes(&self.endpoint, object, &self.output)?;
            return self.frame(kind, &bytes);
        }
        let (parts, ()) = http::Request::new(()).into_parts();
        let call = Call {
            parts: &parts,
            context: &self.context,
            query: crate::options::Query::parse(&format!("includeObject={}", self.include_object)),
            headers: http::HeaderMap::new(),
            method: http::Method::GET,
            serving: None,
            min_watch: Duration::ZERO,
            connections: None,
            watches: None,
        };
        let row = table::row(&call, &self.endpoint, &self.output, object)?;
        let metadata = json!({"resourceVersion": object.resource_version.to_string()});
        let with_columns = !std::mem::replace(&mut self.columns_sent, true);
        let value = table::of_rows(&self.endpoint, &self.output, &metadata, vec![row], with_columns);
        self.frame(kind, value.to_string().as_bytes())
    }

    fn frame(&self, kind: EventType, object: &[u8]) -> Result<Bytes, StatusError> {
        Ok(match self.output.media.encoding {
            Encoding::Protobuf => protobuf::watch_frame(kind.as_str(), object).into(),
            _ => {
                let trimmed = object.strip_suffix(b"\n").unwrap_or(object);
                json_frame(kind, trimmed)
            }
        })
    }

    fn bookmark(&self, revision: u64, initial_end: bool) -> Result<Bytes, StatusError> {
        let codec = &self.endpoint.codec;
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let mut value = json!({"metadata": metadata});
        match self.output.converts_to() {
            Some("Table") => {
                let table = table::of_rows(&self.endpoint, &self.output, &metadata, vec![], false);
                return self.frame(EventType::Bookmark, table.to_string().as_bytes());
            }
            Some(_) => value = of_metadata(&value["metadata"], &self.output),
            None => {
                // An otherwise empty object, with the members that its kind always shows.
                let empty = codec
                    .decode_stored(value.to_string().as_bytes())
                    .map_err(StatusError::internal_error)?;
                value = codec.encode(empty.as_ref());
            }
        }
        if self.output.media.encoding != Encoding::Protobuf {
            return self.frame(EventType::Bookmark, value.to_string().as_bytes());
        }
        let (ty, api_version, kind) = match self.output.converts_to() {
            Some(kind) => {
                let definition = format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}");
                let ty = k8s_api::definition(&definition).expect("the tables hold the meta kinds");
                (ty, self.output.meta_version(), kind)
            }
            None => (codec.type_ref().id, codec.api_version(), codec.kind()),
        };
        let bytes = protobuf::ProtobufCodec::builtin().encode(ty, api_version, kind, &value);
        self.frame(EventType::Bookmark, &bytes.map_err(StatusError::internal_error)?)
    }

    fn error(&self, status: &StatusError) -> Bytes {
        let value = status.status().to_value();
        if self.output.media.encoding == Encoding::Protobuf {
            let ty = k8s_api::meta::v1::Status::type_id();
            let bytes = protobuf::ProtobufCodec::builtin()
                .encode(ty, "v1", "Status", &value)
                .unwrap_or_default();
            return protobuf::watch_frame("ERROR", &bytes).into();
        }
        json::watch_event("ERROR", value.to_string().as_bytes()).into()
    }
}
