//! The plain ports of the proxy: metrics, mode and configuration on one, health on the other.

use std::net::SocketAddr;
use std::sync::Arc;

use component_base::{
    metrics::MetricsRegistry,
    serving::{Body, ListenOptions, Listener, Server},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use kube_proxy_lib::config::KubeProxyConfiguration;
use tokio_util::sync::CancellationToken;

/// Serves `/metrics`, `/proxyMode`, `/configz` and `/healthz` on the metrics port until `stop`.
///
/// # Errors
/// The port cannot be bound.
pub(crate) fn metrics(
    address: SocketAddr,
    registry: MetricsRegistry,
    configuration: Arc<KubeProxyConfiguration>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let listener = Listener::bind(address, ListenOptions::default())?;
    let handler = move |request: Request<Body>| {
        let response = answer(&request, &registry, &configuration);
        async move { response }
    };
    tokio::spawn(Server::new(handler).serve(listener, stop));
    Ok(())
}

fn answer(
    request: &Request<Body>,
    registry: &MetricsRegistry,
    configuration: &KubeProxyConfiguration,
) -> Response<Body> {
    match request.uri().path() {
        "/metrics" => registry.respond(request.headers()),
        "/healthz" => text(StatusCode::OK, "ok".to_owned()),
        "/proxyMode" => text(StatusCode::OK, configuration.mode().to_owned()),
        "/configz" => {
            let value = serde_json::json!({ kube_proxy_lib::config::API_VERSION: configuration });
            let mut response = text(StatusCode::OK, value.to_string());
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
