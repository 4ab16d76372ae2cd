//! The server: filters around the endpoints, in one fixed order.
//!
//! request info → authentication → audit → impersonation → limits → authorization → endpoint or document. What the
//! client gets when one of them refuses is a Status in upstream's words.
//!
//! **Invariant:** nothing is dispatched that was not authorized under the very [`RequestInfo`] that
//! dispatch uses.

mod at_once;
mod audit;
mod authorize;
mod edge;
mod flow;
mod identity;
mod limits;
mod metrics;
mod retry_after;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Instant,
};

use apimachinery::status::StatusError;
use apiserver_auth::authorization::Authorizer;
use apiserver_flowcontrol::dump;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use component_base::{
    health::{HealthEndpoints, HealthMetrics},
    metrics::MetricsRegistry,
    serving::{Body, Handler, RequestContext as ServingContext},
};
use futures::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};

use streaming::Connections;

pub use audit::Auditor;
pub use edge::Edge;
pub use flow::Limits;
pub use identity::Authentication;
pub use limits::InFlightLimits;
pub(crate) use metrics::WatchEvents;
pub use metrics::WatchMetrics;
use metrics::{ServerMetrics, register_stored};
pub use retry_after::RetryAfter;

use crate::{
    endpoints::{self, Call, Endpoint, error_response},
    options::Query,
    request::{RequestContext, RequestInfo, UserInfo},
};

/// Names a request in records and answers.
const AUDIT_ID: header::HeaderName = header::HeaderName::from_static("audit-id");

/// What is below `/debug/` besides flow control.
const DEBUG: [&str; 2] = ["/debug/flags", "/debug/pprof"];

/// The health checks that are counted.
const HEALTH: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// The resources that are served, by group, version and plural name.
pub type Routes = HashMap<(String, String, String), Arc<Endpoint>>;

/// Documents about the API: discovery and OpenAPI.
#[async_trait]
pub trait Documents: Send + Sync + std::fmt::Debug + 'static {
    /// Answers a request whose path is that of a document; `None` otherwise.
    async fn respond(&self, path: &str, query: Option<&str>, headers: &http::HeaderMap) -> Option<Response<Body>>;

    /// Whether there is an API group of this name.
    fn has_group(&self, group: &str) -> bool;

    /// The paths of all documents, for the index at `/`.
    fn paths(&self) -> Vec<String>;
}

/// What a server is made of.
pub struct ServerConfig {
    /// Who asks.
    pub authentication: Authentication,
    /// Who may.
    pub authorizer: Arc<dyn Authorizer>,
    /// Whether impersonation may be allowed for some requests only (`ConstrainedImpersonation`).
    pub constrained_impersonation: bool,
    /// What is recorded of requests; nothing if absent.
    pub audit: Option<Arc<Auditor>>,
    /// Requests under way at once.
    pub limits: Limits,
    /// Owns what upgraded connections become.
    pub connections: Connections,
    /// Deadlines and headers.
    pub edge: Edge,
    /// Discovery and OpenAPI.
    pub documents: Arc<dyn Documents>,
    /// `/version`.
    pub version: Vec<u8>,
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerConfig")
            .field("authentication", &self.authentication)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The request handler of an API server.
pub struct ApiServer {
    config: ServerConfig,
    routes: ArcSwap<Routes>,
    health: HealthEndpoints,
    registry: MetricsRegistry,
    /// Results of health checks, which are published by themselves.
    slis: MetricsRegistry,
    metrics: ServerMetrics,
    /// What answers below `/debug/`, if anything does.
    debug: OnceLock<Arc<dyn Handler>>,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiServer")
            .field("routes", &self.routes.load().len())
            .finish_non_exhaustive()
    }
}

impl ApiServer {
    /// A server of these resources.
    #[must_use]
    pub fn new(config: ServerConfig, routes: Routes, health: HealthEndpoints, registry: MetricsRegistry) -> Arc<Self> {
        register_stored(&routes, &registry);
        let slis = MetricsRegistry::default();
        let health = health.with_metrics(HealthMetrics::new(&slis));
        Arc::new(Self {
            metrics: ServerMetrics::new(&registry),
            config,
            routes: ArcSwap::from_pointee(routes),
            health,
            registry,
            slis,
            debug: OnceLock::new(),
        })
    }

    /// Lets `handler` answer below `/debug/flags` and `/debug/pprof`. The first one stays.
    pub fn serve_debug(&self, handler: Arc<dyn Handler>) {
        let first = self.debug.set(handler).is_ok();
        debug_assert!(first, "there is one handler below /debug/");
    }

    /// The resources that are served.
    #[must_use]
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    async fn serve(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let serving = ServingContext::of(request.extensions()).cloned();
        let (mut parts, body) = request.into_parts();
        let audit_id = audit_id(&parts.headers);
        let edge = &self.config.edge;
        let origin = edge.allowed_origin(&parts.headers);
        edge.end_connection(&parts, serving.as_ref());
        let mut response = if edge::is_preflight(&parts.method, origin.as_ref()) {
            edge::preflight()
        } else {
            self.filter(&mut parts, body, serving, &audit_id).await
        };
        response.headers_mut().insert(AUDIT_ID, audit_id);
        edge.add_headers(&mut response, origin);
        response
    }

    /// Authentication, audit and impersonation.
    async fn filter(
        &self,
        parts: &mut Parts,
        body: Body,
        serving: Option<ServingContext>,
        audit_id: &HeaderValue,
    ) -> Response<Body> {
        let query = parts.uri.query().unwrap_or_default();
        let info = RequestInfo::parse(&parts.method, parts.uri.path(), query);
        let (received, begun) = (jiff::Timestamp::now(), Instant::now());
        let authentication = &self.config.authentication;
        let authenticated = authentication
            .authenticate(parts, &info, serving.as_ref(), received, (&self.metrics.access, begun))
            .await;
        let known = authenticated.as_ref().ok().map(|response| &*response.user);
        identity::close_anonymous_http2(known, serving.as_ref());
        let head = audit::Head {
            parts,
            info: &info,
            serving: serving.as_ref(),
            received,
            audit_id: audit_id.to_str().unwrap_or_default(),
        };
        let auditor = self.config.audit.as_ref();
        let identified = match authenticated {
            Ok(identified) => identified,
            Err(refusal) => {
                let record = auditor.and_then(|auditor| auditor.begin(&head, &UserInfo::default()));
                let attempted = audit::attempted(parts, serving.as_ref());
                let context = request_context(UserInfo::anonymous().into(), info, received, parts);
                let response = refuse(&Call::new(&context, parts, serving), body, &refusal).await;
                if let Some(record) = record {
                    record.unauthenticated(&response, attempted);
                }
                return response;
            }
        };
        let mut record = auditor.and_then(|auditor| auditor.begin(&head, &identified.user));
        if record.as_mut().is_some_and(|record| !record.received()) {
            endpoints::discard_body(body).await;
            return authorize::internal_error(&parts.uri, "failed to store audit event");
        }
        let (authorizer, constrained) = (&self.config.authorizer, self.config.constrained_impersonation);
        let acting = identity::impersonate(authorizer, constrained, &mut parts.headers, &info, &identified.user).await;
        let (user, refusal) = match acting {
            Ok(Some(acting)) => {
                if let Some(record) = &mut record {
                    record.impersonate(&acting);
                }
                (acting.user, None)
            }
            Ok(None) => (identified.user.clone(), None),
            Err(refusal) => (identified.user.clone(), Some(refusal)),
        };
        let mut context = request_context(user, info, received, parts);
        context.begun = begun;
        if let Some(record) = &record {
            context = context.audited(record.notes());
        }
        let context = Arc::new(context);
        if let Some(record) = &mut record {
            record.attach(&context);
        }
        for warning in &identified.warnings {
            context.warn(warning.as_str());
        }
        for (key, value) in &identified.annotations {
            context.annotate(key.as_str(), value.as_str());
        }
        let mut call = Call::new(&context, parts, serving);
        call.min_watch = self.config.edge.min_watch;
        call.connections = Some(&self.config.connections);
        call.watches = Some(self.metrics.requests.watches());
        let mut response = match refusal {
            Some(refusal) => refuse(&call, body, &refusal).await,
            None => self.pass_in_time(&call, &context, parts, body).await,
        };
        endpoints::add_warnings(&context, &mut response);
        match record {
            Some(record) => record.finish(response, context.info.is_long_running()),
            None => response,
        }
    }

    /// The answer, if it comes before the deadline of requests that are not long-running.
    async fn pass_in_time(
        &self,
        call: &Call<'_>,
        context: &Arc<RequestContext>,
        parts: &Parts,
        body: Body,
    ) -> Response<Body> {
        if context.info.is_long_running() {
            return self.pass(call, context, parts, body).await;
        }
        let limit = match self.config.edge.limit(&call.query) {
            Ok(limit) => limit,
            Err(status) => return refuse(call, body, &status).await,
        };
        let Some(limit) = limit else {
            return self.pass(call, context, parts, body).await;
        };
        let answer = tokio::time::timeout(limit, self.pass(call, context, parts, body)).await;
        answer.unwrap_or_else(|_| {
            let endpoint = self.endpoint(&context.info);
            let metrics = &self.metrics.requests;
            metrics.terminated(call, endpoint.as_deref(), StatusCode::GATEWAY_TIMEOUT);
            error_response(call, &edge::timed_out())
        })
    }

    /// Limits and authorization, then the answer.
    async fn pass(&self, call: &Call<'_>, context: &Arc<RequestContext>, parts: &Parts, body: Body) -> Response<Body> {
        let endpoint = self.endpoint(&context.info);
        let metrics = &self.metrics.requests;
        let entered = self
            .config
            .limits
            .enter(call, context, endpoint.as_deref(), metrics)
            .await;
        let passage = match entered {
            Ok(passage) => passage,
            Err(refusal) => {
                metrics.dropped(call, endpoint.as_deref());
                endpoints::discard_body(body).await;
                return refusal;
            }
        };
        let limited = context.info.verb == "watch" || !context.info.is_long_running();
        let executing = limited.then(|| metrics.executing(context));
        let response = self.authorized(call, context, endpoint, parts, body).await;
        drop(executing);
        passage.leave(response, context.info.verb == "watch")
    }

    /// The resource that a request names, if it is served.
    fn endpoint(&self, info: &RequestInfo) -> Option<Arc<Endpoint>> {
        if !info.is_resource_request {
            return None;
        }
        let key = (info.api_group.clone(), info.api_version.clone(), info.resource.clone());
        self.routes.load().get(&key).cloned()
    }

    async fn authorized(
        &self,
        call: &Call<'_>,
        context: &Arc<RequestContext>,
        endpoint: Option<Arc<Endpoint>>,
        parts: &Parts,
        body: Body,
    ) -> Response<Body> {
        match authorize::authorize(&*self.config.authorizer, context, &self.metrics.access).await {
            Ok(()) => self.dispatch(call, context, endpoint, parts, body).await,
            Err(authorize::Refusal::Forbidden(status)) => refuse(call, body, &status).await,
            Err(authorize::Refusal::Failed(error)) => {
                endpoints::discard_body(body).await;
                authorize::internal_error(&parts.uri, &error)
            }
        }
    }

    async fn dispatch(
        &self,
        call: &Call<'_>,
        context: &Arc<RequestContext>,
        endpoint: Option<Arc<Endpoint>>,
        parts: &Parts,
        body: Body,
    ) -> Response<Body> {
        let info = &context.info;
        let path = parts.uri.path();
        if info.is_resource_request {
            return match endpoint {
                Some(endpoint) => {
                    let tracked = self.metrics.requests.resource(call, &endpoint);
                    let response = endpoints::handle(call, &endpoint, context.clone(), body).await;
                    match tracked {
                        Some(tracked) => tracked.answered(context, response),
                        None => response,
                    }
                }
                None => {
                    endpoints::discard_body(body).await;
                    self.not_found(call, path)
                }
            };
        }
        if let Some(response) = self.health.respond(path, parts.uri.query()).await {
            return match HEALTH.into_iter().find(|known| *known == path) {
                Some(path) => self.metrics.requests.path(call, path).answered(context, response),
                None => response,
            };
        }
        match path {
            "/metrics" => return self.registry.respond(&parts.headers),
            "/metrics/slis" => return self.slis.respond(&parts.headers),
            "/version" | "/version/" => return json_document(self.config.version.clone()),
            _ if path.starts_with(dump::PREFIX) => {
                if let Some(response) = self.dump(path, &call.query) {
                    return response;
                }
            }
            _ if DEBUG.iter().any(|prefix| path.starts_with(prefix)) => {
                if let Some(debug) = self.debug.get() {
                    return debug.handle(Request::from_parts(parts.clone(), body)).await;
                }
            }
            "/" | "/index.html" => return json_document(self.index()),
            _ => {}
        }
        if let Some(response) = self
            .config
            .documents
            .respond(path, parts.uri.query(), &parts.headers)
            .await
        {
            return response;
        }
        self.not_found(call, path)
    }

    /// What flow control is doing.
    fn dump(&self, path: &str, query: &Query) -> Option<Response<Body>> {
        let Limits::Fair(controller) = &self.config.limits else {
            return None;
        };
        let details = query
            .get("includeRequestDetails")
            .is_some_and(|value| !value.is_empty());
        let text = controller.dump(path.strip_prefix(dump::PREFIX)?, details)?;
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        Some(response)
    }

    /// Below an API group's root the API answers, elsewhere the plain web server.
    fn not_found(&self, call: &Call<'_>, path: &str) -> Response<Body> {
        let mut segments = path.split('/').skip(1);
        let of_api = match (segments.next(), segments.next()) {
            (Some("api"), _) => true,
            (Some("apis"), Some(group)) => self.config.documents.has_group(group),
            _ => false,
        };
        if of_api {
            return error_response(call, &StatusError::resource_not_found());
        }
        page_not_found()
    }

    /// The index: every path that a client may look at.
    fn index(&self) -> Vec<u8> {
        let mut paths = self.config.documents.paths();
        paths.extend(self.health.paths());
        paths.extend(["/metrics", "/metrics/slis", "/version"].map(str::to_owned));
        paths.sort_unstable();
        paths.dedup();
        serde_json::to_vec_pretty(&serde_json::json!({ "paths": paths })).expect("strings encode as JSON")
    }
}

/// The answer of Go's web server to a path that nobody has.
fn page_not_found() -> Response<Body> {
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The request's identifier: the client's own, or a new one.
fn audit_id(headers: &http::HeaderMap) -> HeaderValue {
    match headers.get(AUDIT_ID).filter(|id| !id.is_empty()) {
        Some(id) => id.clone(),
        None => {
            // From the thread's generator: the system's costs a call each time.
            let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
            let mut text = uuid::Uuid::encode_buffer();
            HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).expect("an identifier is a header value")
        }
    }
}

fn request_context(user: Arc<UserInfo>, info: RequestInfo, received: jiff::Timestamp, parts: &Parts) -> RequestContext {
    let user_agent = parts.headers.get(header::USER_AGENT);
    let user_agent = user_agent.and_then(|value| value.to_str().ok()).unwrap_or_default();
    RequestContext::new(user, info, received, user_agent.to_owned())
}

/// Answers with a refusal, and keeps the connection in order.
async fn refuse(call: &Call<'_>, body: Body, status: &StatusError) -> Response<Body> {
    endpoints::discard_body(body).await;
    error_response(call, status)
}

fn json_document(bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::OK;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The handler that a [`component_base::serving::Server`] runs.
#[derive(Clone, Debug)]
pub struct ServerHandler(pub Arc<ApiServer>);

impl Handler for ServerHandler {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        self.0.clone().serve(request).boxed()
    }

    fn answers_at_once(&self, method: &Method, uri: &Uri) -> bool {
        *method == Method::GET && at_once::names_an_object(uri.path())
    }
}
