//! Records of requests (upstream: `endpoints/filters/audit.go`, `pkg/audit/request.go`).
//!
//! A record that was begun ends with its request, whatever becomes of that: an answer, a panic, or a client that went away.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use apiserver_audit::{Backend, Event, Level, ObjectReference, Policy, RequestConfig, Stage, add_annotation};
use apiserver_auth::authentication::ImpersonatedUser;
use bytes::Bytes;
use component_base::serving::{Body, BoxError, RequestContext as ServingContext};
use http::{HeaderMap, Response, header, request::Parts};
use http_body::{Body as HttpBody, Frame, SizeHint};
use k8s_api::{meta::v1::Status, primitives::MicroTime};
use serde_json::{Value, value::RawValue};

use crate::request::{Notes, RequestContext, RequestInfo, UserInfo};

/// Longest `User-Agent` in a record.
const USER_AGENT: usize = 1024;
const TRUNCATED: &str = "...TRUNCATED";

/// What is recorded, and where to.
pub struct Auditor {
    policy: Policy,
    backends: Vec<Arc<dyn Backend>>,
    /// Whether a request fails whose first record is lost.
    strict: bool,
}

impl std::fmt::Debug for Auditor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Auditor")
            .field("backends", &self.backends.len())
            .finish_non_exhaustive()
    }
}

impl Auditor {
    /// Records what `policy` wants in every backend; `strict` refuses requests that cannot be recorded.
    #[must_use]
    pub fn new(policy: Policy, backends: Vec<Arc<dyn Backend>>, strict: bool) -> Arc<Self> {
        Arc::new(Self {
            policy,
            backends,
            strict,
        })
    }

    /// Begins the record of a request, if it is to be recorded.
    pub(super) fn begin(self: &Arc<Self>, request: &Head<'_>, user: &UserInfo) -> Option<Record> {
        let config = self.policy.evaluate(&request.info.attributes(user));
        if config.level == Level::None {
            return None;
        }
        let parts = request.parts;
        let uri = parts.uri.path_and_query().map_or("/", |uri| uri.as_str());
        let received = MicroTime::from(request.received);
        let id = request.audit_id.to_owned();
        let mut event = Event::new(config.level, id, &request.info.verb, uri, user.into(), received);
        event.source_ips = source_ips(&parts.headers, request.serving);
        event.user_agent = user_agent(&parts.headers);
        event.object_ref = request.info.is_resource_request.then(|| object_reference(request.info));
        Some(Record {
            auditor: self.clone(),
            config,
            event,
            context: None,
            done: false,
        })
    }

    fn send(&self, event: &Event) -> bool {
        let mut kept = true;
        for backend in &self.backends {
            kept &= backend.process(std::slice::from_ref(event));
        }
        kept || !self.strict
    }
}

/// What is known of a request before anybody acts on it.
pub(super) struct Head<'a> {
    pub(super) parts: &'a Parts,
    pub(super) info: &'a RequestInfo,
    pub(super) serving: Option<&'a ServingContext>,
    pub(super) received: jiff::Timestamp,
    pub(super) audit_id: &'a str,
}

/// The record of one request.
pub(super) struct Record {
    auditor: Arc<Auditor>,
    config: RequestConfig,
    event: Event,
    /// Where handlers put their notes and annotations.
    context: Option<Arc<RequestContext>>,
    done: bool,
}

impl Record {
    /// The level, for the request's [`Notes`].
    pub(super) fn notes(&self) -> Notes {
        Notes::new(self.config.level)
    }

    /// Records that the request came in; `false` if it must not go on.
    pub(super) fn received(&mut self) -> bool {
        self.stage(Stage::RequestReceived)
    }

    /// Notes as whom the request goes on.
    pub(super) fn impersonate(&mut self, acting: &ImpersonatedUser) {
        self.event.impersonate(&acting.user, acting.constraint);
    }

    /// Names where notes and annotations are found.
    pub(super) fn attach(&mut self, context: &Arc<RequestContext>) {
        self.context = Some(context.clone());
    }

    fn stage(&mut self, stage: Stage) -> bool {
        if self.config.omit_stages.contains(&stage) {
            return true;
        }
        self.event.stage = stage;
        if stage != Stage::RequestReceived {
            self.event.stage_timestamp = MicroTime::from(jiff::Timestamp::now());
        }
        self.auditor.send(&self.event)
    }

    /// Takes over what handlers noted.
    fn collect(&mut self) {
        let Some(context) = &self.context else { return };
        for (key, value) in context.annotations() {
            add_annotation(&mut self.event.annotations, &key, &value);
        }
        let noted = context.audit.take();
        if let (Some(object), Some(reference)) = (noted.object, &mut self.event.object_ref) {
            let fill = |member: &mut String, value: String| {
                if member.is_empty() {
                    *member = value;
                }
            };
            fill(&mut reference.namespace, object.namespace);
            fill(&mut reference.name, object.name);
            fill(&mut reference.uid, object.uid);
            fill(&mut reference.resource_version, object.resource_version);
        }
        let omit = self.config.omit_managed_fields;
        if let Some(bytes) = noted.request {
            self.event.request_object = raw(bytes, omit);
        }
        if let Some(bytes) = noted.response {
            self.event.response_object = raw(bytes, omit);
        }
        if let Some(status) = noted.status {
            self.event.response_status = Some(Status {
                status: status.status,
                message: status.message,
                reason: status.reason,
                details: status.details,
                code: status.code,
                ..Status::default()
            });
        }
    }

    fn answered(&mut self, response: &Response<Body>) {
        self.collect();
        let status = self.event.response_status.get_or_insert_default();
        status.code = i32::from(response.status().as_u16());
    }

    /// Records the answer: at once, or, for a request that stays open, its head now and its end when it comes.
    pub(super) fn finish(mut self, response: Response<Body>, long_running: bool) -> Response<Body> {
        self.answered(&response);
        if !long_running {
            self.done = true;
            self.stage(Stage::ResponseComplete);
            return response;
        }
        self.stage(Stage::ResponseStarted);
        response.map(|body| Body::boxed(Recorded { body, _record: self }))
    }

    /// Records a request that was not let in; there is no more to come.
    pub(super) fn unauthenticated(mut self, response: &Response<Body>, attempted: String) {
        self.done = true;
        self.answered(response);
        self.event.response_status.get_or_insert_default().message = attempted;
        self.stage(Stage::ResponseStarted);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.collect();
        if std::thread::panicking() {
            self.event.response_status = Some(Status {
                status: "Failure".to_owned(),
                reason: "InternalError".to_owned(),
                message: "APIServer panic'd".to_owned(),
                code: 500,
                ..Status::default()
            });
            self.stage(Stage::Panic);
            return;
        }
        if self.event.response_status.is_none() {
            // The client went away before there was an answer.
            self.event.response_status = Some(Status {
                status: "Success".to_owned(),
                message: "Connection closed early".to_owned(),
                code: 200,
                ..Status::default()
            });
        }
        self.stage(Stage::ResponseComplete);
    }
}

/// A body whose end completes a record.
struct Recorded {
    body: Body,
    /// Completed by its drop.
    _record: Record,
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn object_reference(info: &RequestInfo) -> ObjectReference {
    ObjectReference {
        resource: info.resource.clone(),
        namespace: info.namespace.clone(),
        name: info.name.clone(),
        api_group: info.api_group.clone(),
        api_version: info.api_version.clone(),
        subresource: info.subresource.clone(),
        ..ObjectReference::default()
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).map(|value| value.as_bytes());
    let agent = String::from_utf8_lossy(agent.unwrap_or_default());
    match agent.char_indices().nth(USER_AGENT) {
        Some((end, _)) => format!("{}{TRUNCATED}", &agent[..end]),
        None => agent.into_owned(),
    }
}

/// Where a request comes from: what proxies say, nearest to the client first, and then the connection's peer.
fn source_ips(headers: &HeaderMap, serving: Option<&ServingContext>) -> Vec<String> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut ips: Vec<IpAddr> = text("x-forwarded-for")
        .split(',')
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    let mut add = |ip: Option<IpAddr>| {
        if let Some(ip) = ip.filter(|ip| !ips.contains(ip)) {
            ips.push(ip);
        }
    };
    add(text("x-real-ip").trim().parse().ok());
    // The nearest proxy appends its own peer, so the connection's is left out only where it is the last one.
    add(serving.and_then(|serving| serving.connection().peer_ip()));
    ips.iter().map(IpAddr::to_string).collect()
}

/// JSON for a record, without managed fields if so configured; what is no JSON is left out.
fn raw(bytes: Vec<u8>, omit_managed_fields: bool) -> Option<Box<RawValue>> {
    if !omit_managed_fields {
        return String::from_utf8(bytes)
            .ok()
            .and_then(|text| RawValue::from_string(text).ok());
    }
    let mut value: Value = serde_json::from_slice(&bytes).ok()?;
    strip(&mut value);
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(strip);
    }
    serde_json::value::to_raw_value(&value).ok()
}

fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Which credentials a refused request tried.
pub(super) fn attempted(parts: &Parts, serving: Option<&ServingContext>) -> String {
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = authorization.trim().split_once(' ').map_or("", |(scheme, _)| scheme);
    let query = parts.uri.query().unwrap_or_default();
    let in_query =
        form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "access_token" && !value.trim().is_empty());
    let methods: Vec<&str> = [
        ("basic", scheme.eq_ignore_ascii_case("basic")),
        ("bearer", scheme.eq_ignore_ascii_case("bearer")),
        ("access_token", in_query),
        (
            "x509",
            serving.is_some_and(|serving| !serving.peer_certificates().is_empty()),
        ),
    ]
    .into_iter()
    .filter_map(|(method, tried)| tried.then_some(method))
    .collect();
    if methods.is_empty() {
        "Authentication failed, no credentials provided".to_owned()
    } else {
        format!("Authentication failed, attempted: {}", methods.join(", "))
    }
}
