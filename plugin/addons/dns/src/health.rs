//! `/health` (the process lives), `/ready` (all objects have been told) and `/metrics` over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use component_base::serving::{Body, Listener, Server, ServerSettings};
use http::{Request, Response, StatusCode};
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A client that does not send its request in this time is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the endpoints report. All of them answer on every listener: by convention `/health` is asked on port 8080,
/// `/ready` on 8181 and `/metrics` on 9153.
#[derive(Debug, Default)]
pub struct Status {
    ready: AtomicBool,
    registry: Registry,
}

impl Status {
    /// Not ready yet.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self {
            ready: AtomicBool::new(false),
            registry,
        }
    }

    /// Every object that exists has been told.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    fn answer(&self, path: &str) -> (StatusCode, Vec<u8>) {
        match path {
            "/health" => (StatusCode::OK, b"OK".to_vec()),
            "/ready" if self.ready.load(Ordering::Relaxed) => (StatusCode::OK, b"OK".to_vec()),
            // The body names what is not ready.
            "/ready" => (StatusCode::SERVICE_UNAVAILABLE, b"kubernetes".to_vec()),
            "/metrics" => {
                let mut text = Vec::new();
                match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
                    Ok(()) => (StatusCode::OK, text),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
                }
            }
            _ => (StatusCode::NOT_FOUND, b"404 page not found\n".to_vec()),
        }
    }

    /// Serves until `cancel`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, cancel: CancellationToken) {
        let handler = move |request: Request<Body>| {
            let (code, body) = self.answer(request.uri().path());
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = code;
            std::future::ready(response)
        };
        let settings = ServerSettings {
            head_limit: HEADER_TIMEOUT,
            ..ServerSettings::default()
        };
        let server = Server::new(handler).with_settings(settings);
        server.serve(Listener::Tcp(listener), cancel).await;
    }
}
