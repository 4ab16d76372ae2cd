//! A reverse proxy: one request to one back end, its answer made to fit where the client asked.

mod headers;

use std::net::IpAddr;

use apimachinery::status::StatusError;
use apiserver::{admission::ConnectOptions, endpoints::Call};
use component_base::serving::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use streaming::{Connections, is_upgrade_request, relay::Relay};

use crate::{
    backend::{Backend, BackendError},
    pod::{into_response, told},
};
use headers::{Place, forwarded, remove_cors, remove_hop_by_hop, rewrite_location};

/// The methods that are passed on.
pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Passes requests on.
pub struct Proxy {
    /// Owns the connections that upgraded requests become.
    pub connections: Connections,
    /// Most bytes a second and direction of an upgraded connection; `None` for no limit.
    pub max_bytes_per_second: Option<u64>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// Where the path of the proxy ends and that of the back end begins.
fn split_path<'p>(call: &Call<'_>, path: &'p str) -> (&'p str, &'p str) {
    // The resource, its name and `proxy` are the first of the parts.
    let behind = call.context.info.parts.len().saturating_sub(3);
    let trimmed = path.trim_end_matches('/');
    let mut end = trimmed.len();
    for _ in 0..behind {
        end = trimmed[..end].rfind('/').unwrap_or(end);
    }
    path.split_at(end)
}

/// What admission sees of a proxied request: the path behind the proxy's own.
pub(crate) fn admission_options(kind: &'static str, call: &Call<'_>) -> ConnectOptions {
    let (_, path) = split_path(call, call.parts.uri.path());
    let mut members = serde_json::Map::new();
    if !path.is_empty() {
        members.insert("path".to_owned(), path.into());
    }
    ConnectOptions::new(kind, members)
}

impl Proxy {
    /// Passes a request on to a back end.
    pub(crate) async fn forward(
        &self,
        call: &Call<'_>,
        backend: Backend,
        body: Body,
    ) -> Result<Response<Body>, StatusError> {
        let uri = &call.parts.uri;
        let (prefix, rest) = split_path(call, uri.path());
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let client = call.serving.as_ref().and_then(|serving| serving.connection().peer_ip());
        if is_upgrade_request(&call.headers) {
            return self
                .upgrade(call, backend, &format!("{}{query}", or_root(rest)), client)
                .await;
        }
        if rest.is_empty() && matches!(call.method, Method::GET | Method::HEAD) {
            return redirect(&format!("{prefix}/{query}"));
        }
        let place = Place {
            prefix,
            authority: backend.authority(),
            client_host: call.header(header::HOST),
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = format!("{}{query}", or_root(rest))
            .parse()
            .map_err(StatusError::internal_error)?;
        *request.headers_mut() = forwarded(&call.headers, &place, uri.path(), client);
        let answer = backend.send(request).await.map_err(|error| unreachable(&error))?;
        let (mut parts, body) = answer.into_parts();
        remove_hop_by_hop(&mut parts.headers);
        remove_cors(&mut parts.headers);
        rewrite_location(&mut parts.headers, &place);
        let mut response = Response::new(Body::boxed(body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = parts.headers;
        Ok(response)
    }

    async fn upgrade(
        &self,
        call: &Call<'_>,
        backend: Backend,
        path_and_query: &str,
        client_address: Option<IpAddr>,
    ) -> Result<Response<Body>, StatusError> {
        let relay = Relay {
            location: backend.location(path_and_query).map_err(StatusError::internal_error)?,
            connector: std::sync::Arc::new(backend),
            use_location_host: false,
            headers: HeaderMap::new(),
            client_address,
            max_bytes_per_second: self.max_bytes_per_second,
            connections: self.connections.clone(),
        };
        let request = Request::from_parts(call.parts.clone(), ());
        relay
            .upgrade(request)
            .await
            .map(into_response)
            .map_err(|error| told(&error))
    }
}

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn redirect(location: &str) -> Result<Response<Body>, StatusError> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let location = HeaderValue::from_str(location).map_err(StatusError::internal_error)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn unreachable(error: &BackendError) -> StatusError {
    let reason = match error {
        BackendError::Dial(error) => error.to_string(),
        BackendError::Exchange(error) => error.to_string(),
    };
    StatusError::service_unavailable(format!("error trying to reach service: {reason}"))
}
