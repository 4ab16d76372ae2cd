//! Who gets in when there is much to do (upstream: `server/filters/priority-and-fairness.go`, `maxinflight.go`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use apiserver_flowcontrol::{Admitted, FlowController, ListWork, Refused, Ticket, Work, list_work, mutating_work};
use component_base::serving::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;

use super::{
    limits::{InFlightLimits, Place},
    metrics::RequestMetrics,
};
use crate::{
    endpoints::{Backing, Call, Endpoint},
    request::RequestContext,
};

const SCHEMA_UID: HeaderName = HeaderName::from_static("x-kubernetes-pf-flowschema-uid");
const LEVEL_UID: HeaderName = HeaderName::from_static("x-kubernetes-pf-prioritylevel-uid");
/// A quarter of the time that a request may take is the most that it waits.
const PATIENCE: Duration = Duration::from_secs(15);
/// Answers larger than this hold their seats until they are sent.
const LARGE: u64 = 64 * 1024;

/// How requests under way are limited.
#[derive(Clone, Debug)]
pub enum Limits {
    /// By number, reading and mutating ones apart (`--enable-priority-and-fairness=false`).
    InFlight(InFlightLimits),
    /// By flows and priority levels.
    Fair(Arc<FlowController>),
}

/// A request that was let in; its drop makes room for another.
pub(super) enum Passage {
    /// Not limited.
    Free,
    /// One of a number.
    Counted {
        /// Held until the answer is there.
        _place: Place,
    },
    /// On seats.
    Seated(Box<Admitted>),
}

impl Limits {
    /// Lets a request in, perhaps after it has waited.
    ///
    /// # Errors
    /// The answer to a request for which there is no room.
    pub(super) async fn enter(
        &self,
        call: &Call<'_>,
        context: &RequestContext,
        endpoint: Option<&Endpoint>,
        metrics: &RequestMetrics,
    ) -> Result<Passage, Response<Body>> {
        let info = &context.info;
        match self {
            Self::InFlight(limits) => match limits.enter(info, &context.user) {
                Some(place) => Ok(Passage::Counted { _place: place }),
                None => Err(too_many_requests(1)),
            },
            // A watch is limited while it begins; other long requests are not.
            Self::Fair(_) if info.is_long_running() && info.verb != "watch" => Ok(Passage::Free),
            Self::Fair(controller) => {
                let attributes = info.attributes(&context.user);
                let work = |most| work(call, context, endpoint, most);
                let queued = metrics.queued(context);
                let begun = Instant::now();
                let admitted = controller.admit(&attributes, work, PATIENCE).await;
                context.add_waited(begun.elapsed());
                drop(queued);
                match admitted {
                    Ok(admitted) => Ok(Passage::Seated(Box::new(admitted))),
                    Err(refused) => Err(refusal(&refused)),
                }
            }
        }
    }
}

impl Passage {
    /// Marks the answer, and keeps the seats of a large one until it is sent.
    pub(super) fn leave(self, mut response: Response<Body>, is_watch: bool) -> Response<Body> {
        let Self::Seated(admitted) = self else { return response };
        mark(response.headers_mut(), admitted.schema_uid(), &admitted.level_uid());
        if is_watch || response.body().size_hint().lower() < LARGE {
            return response;
        }
        let ticket = admitted.ticket;
        response.map(|body| Body::boxed(Seated { body, _ticket: ticket }))
    }
}

/// A body that holds seats.
struct Seated {
    body: Body,
    _ticket: Ticket,
}

impl http_body::Body for Seated {
    type Data = bytes::Bytes;
    type Error = component_base::serving::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

fn mark(headers: &mut HeaderMap, schema: &str, level: &str) {
    for (name, uid) in [(SCHEMA_UID, schema), (LEVEL_UID, level)] {
        if let Ok(value) = HeaderValue::from_str(uid) {
            headers.insert(name, value);
        }
    }
}

fn refusal(refused: &Refused) -> Response<Body> {
    let mut response = too_many_requests(refused.retry_after);
    mark(response.headers_mut(), refused.schema_uid(), &refused.level_uid());
    response
}

fn too_many_requests(retry_after: u64) -> Response<Body> {
    let mut response = Response::new(Body::from("Too many requests, please try again later.\n"));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The seats of a request; `most` is what its level grants to one.
fn work(call: &Call<'_>, context: &RequestContext, endpoint: Option<&Endpoint>, most: u32) -> Work {
    let info = &context.info;
    let store = endpoint.and_then(|endpoint| match &endpoint.backing {
        Backing::Store(store) => Some(store),
        Backing::Create(_) | Backing::Computed(_) => None,
    });
    let Some(cacher) = store.map(|store| store.cacher()) else {
        return Work::default();
    };
    match info.verb.as_str() {
        "watch" if !begins_with_a_list(call) => Work::default(),
        "list" | "watch" => {
            let (objects, average_bytes) = cacher.estimate();
            let at_a_revision =
                call.query.get("continue").is_some() || call.query.get("resourceVersionMatch") == Some("Exact");
            let list = ListWork {
                objects,
                average_bytes,
                limit: call
                    .query
                    .get("limit")
                    .and_then(|limit| limit.parse().ok())
                    .unwrap_or(0),
                from_cache: info.verb == "watch" || !at_a_revision,
                single: !info.name.is_empty(),
                selective: !info.field_selector.is_empty() || !info.label_selector.is_empty(),
            };
            list_work(&list, most)
        }
        // A token request changes nothing that is watched.
        "create" if info.resource == "serviceaccounts" && info.subresource == "token" => Work::default(),
        "create" | "update" | "patch" | "delete" => mutating_work(cacher.watch_count(), most),
        _ => Work::default(),
    }
}

fn begins_with_a_list(call: &Call<'_>) -> bool {
    matches!(call.query.get("sendInitialEvents"), Some("true" | "1"))
        || matches!(call.query.get("resourceVersion"), None | Some("" | "0"))
}
