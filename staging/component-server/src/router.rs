//! [`Router`]: what is behind the guard.

use std::sync::Arc;

use component_base::logs::LogHandle;
use component_base::metrics::MetricsRegistry;
use component_base::serving::{Body, Handler};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::health::HealthRegistry;

/// The largest level of verbosity that is read from a request.
const LEVEL_BYTES: usize = 64;

struct Route {
    path: String,
    /// Whether everything below the path is the handler's too.
    below: bool,
    handler: Arc<dyn Handler>,
}

/// Finds the handler of a path; the longest one counts.
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
}

impl Router {
    /// Nothing but 404.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves exactly this path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>, handler: impl Handler) -> Self {
        self.routes.push(Route {
            path: path.into(),
            below: false,
            handler: Arc::new(handler),
        });
        self
    }

    /// Serves this path and everything below it.
    #[must_use]
    pub fn below(mut self, path: impl Into<String>, handler: impl Handler) -> Self {
        self.routes.push(Route {
            path: path.into(),
            below: true,
            handler: Arc::new(handler),
        });
        self
    }

    /// Serves `/healthz`, `/livez` and `/readyz`, and each check below them.
    #[must_use]
    pub fn health(self, health: &HealthRegistry) -> Self {
        ["/healthz", "/livez", "/readyz"]
            .into_iter()
            .fold(self, |router, path| {
                let health = health.clone();
                router.below(path, move |request: Request<Body>| {
                    let endpoints = health.endpoints();
                    async move {
                        let (path, query) = (
                            request.uri().path().to_owned(),
                            request.uri().query().map(str::to_owned),
                        );
                        endpoints
                            .respond(&path, query.as_deref())
                            .await
                            .unwrap_or_else(not_found)
                    }
                })
            })
    }

    /// Serves a registry at a path such as `/metrics`.
    #[must_use]
    pub fn metrics(self, path: &str, registry: MetricsRegistry) -> Self {
        self.at(path, move |request: Request<Body>| {
            let response = registry.respond(request.headers());
            async move { response }
        })
    }

    /// Serves the configuration in force at `/configz`, under its API group.
    #[must_use]
    pub fn configz(self, group: &str, configuration: &impl Serialize) -> Self {
        let value = serde_json::to_value(configuration).unwrap_or(Value::Null);
        let body = Value::Object(Map::from_iter([(group.to_owned(), value)])).to_string();
        self.at("/configz", move |_| {
            let mut response = Response::new(Body::from(body.clone()));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            async move { response }
        })
    }

    /// Lets the verbosity of the log be set with `PUT /debug/flags/v`.
    #[must_use]
    pub fn log_verbosity(self, log: Arc<LogHandle>) -> Self {
        self.at("/debug/flags/v", move |request: Request<Body>| {
            let log = log.clone();
            async move { set_verbosity(&log, request).await }
        })
    }

    fn find(&self, path: &str) -> Option<&Route> {
        let fits = |route: &&Route| match path.strip_prefix(route.path.as_str()) {
            Some("") => true,
            Some(rest) => route.below && rest.starts_with('/'),
            None => false,
        };
        self.routes.iter().filter(fits).max_by_key(|route| route.path.len())
    }
}

impl Handler for Router {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        match self.find(request.uri().path()) {
            Some(route) => route.handler.handle(request),
            None => std::future::ready(not_found()).boxed(),
        }
    }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_found() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn set_verbosity(log: &LogHandle, request: Request<Body>) -> Response<Body> {
    if request.method() != Method::PUT {
        return plain(StatusCode::NOT_ACCEPTABLE, "unrecognized http method");
    }
    let body = match request.into_body().collect_bytes(LEVEL_BYTES).await {
        Ok(body) => body,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("error reading request body: {error}")),
    };
    let text = String::from_utf8_lossy(&body);
    match text.trim().parse() {
        Ok(level) => {
            log.set_verbosity(level);
            plain(
                StatusCode::OK,
                format!("successfully set klog.logging.verbosity to {level}"),
            )
        }
        Err(error) => plain(
            StatusCode::BAD_REQUEST,
            format!("failed set klog.logging.verbosity {}: {error}", text.trim()),
        ),
    }
}
