//! HTTP for a [`FakeServer`](super::FakeServer).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use apimachinery::selectors::{FieldSelector, Selector};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::store::{Change, Refusal};
use super::{Seen, Shared};

type Body = BoxBody<Bytes, std::io::Error>;

pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => return,
            },
            () = stop.cancelled() => return,
        };
        let (shared, stop, tls) = (shared.clone(), stop.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => connection(stream, shared, stop).await,
                Some(config) => {
                    // A client that does not get through the handshake is told by the handshake.
                    if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                        connection(stream, shared, stop).await;
                    }
                }
            }
        });
    }
}

async fn connection<S>(stream: S, shared: Arc<Shared>, stop: CancellationToken)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(request, shared).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        // How a test's connection ends is the test's business.
        _ = connection => {}
        () = stop.cancelled() => {}
    }
}

fn full(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn json(status: StatusCode, body: &Value) -> Response<Body> {
    full(status, body.to_string())
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "reason": reason, "message": message, "code": code})
}

fn refuse(code: u16, reason: &str, message: &str) -> Response<Body> {
    json(
        StatusCode::from_u16(code).expect("the codes here are HTTP's"),
        &failure(code, reason, message),
    )
}

/// A path taken apart: the collection without namespace, the namespace, the name, the subresource.
struct Place {
    collection: String,
    namespace: String,
    name: String,
}

fn place(path: &str) -> Option<Place> {
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let head = match *parts.first()? {
        "api" => 2,
        "apis" => 3,
        _ => return None,
    };
    if parts.len() <= head {
        return None;
    }
    let mut rest = parts.split_off(head);
    let mut namespace = String::new();
    if rest.first() == Some(&"namespaces") && rest.len() > 2 {
        rest[1].clone_into(&mut namespace);
        rest.drain(..2);
    }
    let collection = format!("/{}/{}", parts.join("/"), rest[0]);
    Some(Place {
        collection,
        namespace,
        name: rest.get(1).copied().unwrap_or_default().to_owned(),
    })
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return refuse(400, "BadRequest", "the body broke off");
    };
    let seen = Seen {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    shared.seen.lock().push(seen.clone());
    let canned = shared.faults.hook.lock().as_mut().and_then(|hook| hook(&seen));
    if let Some(canned) = canned {
        let mut response = full(
            StatusCode::from_u16(canned.status).expect("tests give HTTP codes"),
            canned.body,
        );
        for (name, value) in canned.headers {
            response
                .headers_mut()
                .insert(name, value.parse().expect("tests give header values"));
        }
        return response;
    }
    let Some(place) = place(&seen.path) else {
        return refuse(404, "NotFound", "the server could not find the requested resource");
    };
    if seen.method == Method::GET && seen.parameter("watch").as_deref() == Some("true") {
        return watch(&seen, place, shared);
    }
    let response = plain(&seen, &place, &shared);
    shared.changed.notify_waiters();
    response
}

fn plain(seen: &Seen, place: &Place, shared: &Shared) -> Response<Body> {
    let mut store = shared.store.lock();
    let body = || serde_json::from_slice::<Value>(&seen.body).unwrap_or_default();
    let Place {
        collection,
        namespace,
        name,
    } = place;
    let outcome = match seen.method.as_str() {
        "GET" if name.is_empty() => return list(seen, place, &store),
        "GET" => store.get(collection, namespace, name).cloned().ok_or(Refusal::NotFound),
        "POST" => store.create(collection, namespace, body()),
        "PUT" => store.update(collection, namespace, name, body()),
        "PATCH" => store.patch(collection, namespace, name, body()),
        "DELETE" => store
            .delete(collection, namespace, name)
            .map(|_| json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        _ => {
            return refuse(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            );
        }
    };
    let resource = collection.rsplit('/').next().unwrap_or_default();
    match outcome {
        Ok(object) if seen.method == Method::POST => json(StatusCode::CREATED, &object),
        Ok(object) => json(StatusCode::OK, &object),
        Err(Refusal::NotFound) => refuse(404, "NotFound", &format!("{resource} \"{name}\" not found")),
        Err(Refusal::Exists) => refuse(409, "AlreadyExists", &format!("{resource} already exists")),
        Err(Refusal::Conflict) => refuse(
            409,
            "Conflict",
            &format!(
                "Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified; please apply your changes to the latest version and try again"
            ),
        ),
    }
}

/// What a list or watch selects.
#[derive(Clone)]
struct Selection {
    namespace: String,
    labels: Selector,
    fields: FieldSelector,
}

impl Selection {
    fn of(seen: &Seen, place: &Place) -> Self {
        let labels = seen.parameter("labelSelector").unwrap_or_default();
        let fields = seen.parameter("fieldSelector").unwrap_or_default();
        let path = apimachinery::field::Path::new("labelSelector");
        Self {
            namespace: place.namespace.clone(),
            labels: Selector::parse(&labels, &path).expect("tests give label selectors"),
            fields: fields.parse().expect("tests give field selectors"),
        }
    }

    fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let labels: std::collections::BTreeMap<String, String> =
            serde_json::from_value(metadata["labels"].clone()).unwrap_or_default();
        let field = |path: &str| {
            path.split('.')
                .fold(object, |value, member| &value[member])
                .as_str()
                .unwrap_or_default()
        };
        (self.namespace.is_empty() || metadata["namespace"] == self.namespace.as_str())
            && self.labels.matches(&labels)
            && self.fields.matches(field)
    }
}

fn list(seen: &Seen, place: &Place, store: &super::Store) -> Response<Body> {
    let selection = Selection::of(seen, place);
    let mut items = store.list(&place.collection, &place.namespace);
    items.retain(|object| selection.matches(object));
    let start = seen
        .parameter("continue")
        .and_then(|token| token.parse::<usize>().ok())
        .unwrap_or(0);
    let limit = seen
        .parameter("limit")
        .and_then(|limit| limit.parse::<usize>().ok())
        .filter(|limit| *limit > 0);
    // Pages are of the present state; that will do as long as nothing changes in between.
    let mut metadata = json!({"resourceVersion": store.revision().to_string()});
    let mut page = items.split_off(start.min(items.len()));
    if let Some(limit) = limit
        && page.len() > limit
    {
        page.truncate(limit);
        metadata["continue"] = (start + limit).to_string().into();
    }
    json(
        StatusCode::OK,
        &json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": page}),
    )
}

fn watch(seen: &Seen, place: Place, shared: Arc<Shared>) -> Response<Body> {
    let initial = seen.parameter("sendInitialEvents").as_deref() == Some("true");
    if initial && shared.faults.no_watch_list.load(Ordering::SeqCst) {
        return refuse(
            422,
            "Invalid",
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden",
        );
    }
    let version = seen.parameter("resourceVersion").unwrap_or_default();
    let from = version.parse::<u64>().ok().filter(|version| *version > 0);
    let selection = Selection::of(seen, &place);
    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(16);
    let ended = shared.watches.lock().clone();
    tokio::spawn(async move {
        let watcher = Watcher {
            place,
            selection,
            shared,
            sender,
        };
        tokio::select! {
            () = watcher.run(from, initial) => {}
            () = ended.cancelled() => {}
        }
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    let mut response = Response::new(BoxBody::new(StreamBody::new(stream)));
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

struct Watcher {
    place: Place,
    selection: Selection,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Result<Frame<Bytes>, std::io::Error>>,
}

impl Watcher {
    async fn run(self, from: Option<u64>, initial: bool) {
        let mut sent = 0;
        let mut after = from.unwrap_or(0);
        if initial {
            let (items, revision) = {
                let store = self.shared.store.lock();
                (
                    store.list(&self.place.collection, &self.place.namespace),
                    store.revision(),
                )
            };
            for object in items.iter().filter(|object| self.selection.matches(object)) {
                if !self.event("ADDED", object, &mut sent).await {
                    return;
                }
            }
            let end = json!({"kind": "", "apiVersion": "v1", "metadata": {
                "resourceVersion": revision.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}});
            if !self.event("BOOKMARK", &end, &mut sent).await {
                return;
            }
            after = revision;
        } else if from.is_none() {
            after = self.shared.store.lock().revision();
        }
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let next = {
                let store = self.shared.store.lock();
                if after < store.compacted() {
                    None
                } else {
                    Some((
                        store
                            .changes(&self.place.collection, after)
                            .cloned()
                            .collect::<Vec<_>>(),
                        store.revision(),
                    ))
                }
            };
            let Some((changes, revision)) = next else {
                let gone = failure(410, "Expired", &format!("too old resource version: {after}"));
                self.event("ERROR", &gone, &mut sent).await;
                return;
            };
            for change in &changes {
                if let Some((kind, object)) = self.seen_as(change)
                    && !self.event(kind, object, &mut sent).await
                {
                    return;
                }
            }
            after = revision;
            tokio::select! {
                () = changed => {}
                () = self.sender.closed() => return,
            }
        }
    }

    /// A change as this watch sees it: what begins or ceases to match comes or goes.
    fn seen_as<'a>(&self, change: &'a Change) -> Option<(&'static str, &'a Value)> {
        let before = change
            .before
            .as_ref()
            .is_some_and(|object| self.selection.matches(object));
        let after = change.kind != "DELETED" && self.selection.matches(&change.object);
        match (before, after) {
            (false, true) => Some(("ADDED", &change.object)),
            (true, true) => Some(("MODIFIED", &change.object)),
            (true, false) => Some(("DELETED", &change.object)),
            (false, false) => None,
        }
    }

    /// Sends one event; false if the watch is over.
    async fn event(&self, kind: &str, object: &Value, sent: &mut usize) -> bool {
        let faults = &self.shared.faults;
        let mut text = json!({"type": kind, "object": object}).to_string();
        text.push('\n');
        let limit = faults.break_watch_after.load(Ordering::SeqCst);
        if limit > 0 && *sent >= limit {
            self.shared.broken_watches.fetch_add(1, Ordering::SeqCst);
            if faults.break_within_event.load(Ordering::SeqCst) {
                text.truncate(text.len() / 2);
                // Whether it arrives or not, the connection breaks next.
                let _ = self.sender.send(Ok(Frame::data(text.into()))).await;
                let _ = self.sender.send(Err(std::io::ErrorKind::ConnectionReset.into())).await;
            }
            return false;
        }
        *sent += 1;
        if faults.duplicate_events.load(Ordering::SeqCst) && kind != "BOOKMARK" {
            text = text.repeat(2);
        }
        self.sender.send(Ok(Frame::data(text.into()))).await.is_ok()
    }
}
