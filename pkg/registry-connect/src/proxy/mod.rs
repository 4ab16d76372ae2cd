//! A reverse proxy: one request to one back end, its answer made to fit where the client asked.

mod headers;
mod html;
mod place;
mod url;

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
use headers::{forwarded, remove_cors, remove_hop_by_hop, rewrite_location};
use place::{Place, tail};

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

/// The host that the client named.
fn client_host(call: &Call<'_>) -> String {
    match (call.header(header::HOST), call.parts.uri.authority()) {
        ("", Some(authority)) => authority.as_str().to_owned(),
        (host, _) => host.to_owned(),
    }
}

/// How many segments of the path are the back end's: the resource, its name and `proxy` are the first of the parts.
fn segments_behind(call: &Call<'_>) -> usize {
    call.context.info.parts.len().saturating_sub(3)
}

/// What admission sees of a proxied request: the path behind the proxy's own.
pub(crate) fn admission_options(kind: &'static str, call: &Call<'_>) -> ConnectOptions {
    let path = tail(call.parts.uri.path(), segments_behind(call));
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
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let client = call.serving.as_ref().and_then(|serving| serving.connection().peer_ip());
        let place = Place::new(
            uri.path(),
            segments_behind(call),
            backend.authority(),
            client_host(call),
        );
        let path_and_query = format!("{}{query}", place.backend_path());
        if is_upgrade_request(&call.headers) {
            return self.upgrade(call, backend, &path_and_query, client).await;
        }
        if place.path.is_empty() && matches!(call.method, Method::GET | Method::HEAD) {
            return redirect(&format!("{}/{query}", uri.path()));
        }
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = path_and_query.parse().map_err(StatusError::internal_error)?;
        *request.headers_mut() = forwarded(&call.headers, &place, client);
        let answer = backend.send(request).await.map_err(|error| unreachable(&error))?;
        let (mut parts, body) = answer.into_parts();
        remove_hop_by_hop(&mut parts.headers);
        remove_cors(&mut parts.headers);
        let body = if rewrite_location(&mut parts.headers, &place)? {
            Body::boxed(body)
        } else {
            html::rewrite(&mut parts.headers, body, place)
        };
        let mut response = Response::new(body);
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
