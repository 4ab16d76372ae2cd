//! `/healthz` on a port of its own, without authentication.

use std::sync::Arc;

use component_base::health::{CheckFn, HealthEndpoints, HealthError};
use component_base::serving::{Body, Listener, Server};
use http::{Request, Response, StatusCode};
use kubelet_config::KubeletConfiguration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use super::{RunError, serve};

/// The ports that are bound before anything starts, so that a taken one is told at once.
pub(super) struct Listeners {
    healthz: Option<Listener>,
}

/// Binds the ports.
pub(super) async fn listen(configuration: &KubeletConfiguration) -> Result<Listeners, RunError> {
    let healthz = match (configuration.healthz_port, configuration.healthz_bind_address.address()) {
        (0, _) | (_, None) => None,
        (port, Some(address)) => Some(serve::bind(address, port).await?),
    };
    Ok(Listeners { healthz })
}

/// The checks of a kubelet.
pub(super) fn endpoints(node: &Node) -> HealthEndpoints {
    let mut endpoints = HealthEndpoints::new();
    let pleg = node.kubelet.pleg().clone();
    endpoints.add(Arc::new(CheckFn::immediate("syncloop", move || {
        pleg.healthy()
            .map_err(|error| HealthError(format!("sync Loop took longer than expected: {error}")))
    })));
    endpoints
}

/// Serves `/healthz`.
pub(super) fn start(node: &Node, listeners: Listeners, tasks: &mut JoinSet<()>, cancel: &CancellationToken) {
    let Some(listener) = listeners.healthz else { return };
    let endpoints = Arc::new(endpoints(node));
    let handler = move |request: Request<Body>| {
        let endpoints = endpoints.clone();
        async move {
            let (path, query) = (request.uri().path(), request.uri().query());
            match endpoints.respond(path, query).await {
                Some(answer) => answer,
                None => {
                    let mut answer = Response::new(Body::from("404 page not found\n"));
                    *answer.status_mut() = StatusCode::NOT_FOUND;
                    answer
                }
            }
        }
    };
    let cancel = cancel.clone();
    tasks.spawn(async move { Server::new(handler).serve(listener, cancel).await });
}
