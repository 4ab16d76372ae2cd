//! Sends clients elsewhere while the server ends (`--shutdown-send-retry-after`).
//!
//! Upstream: `server/filters/with_retry_after.go`. The listener stays until the requests that were under way have been
//! answered; new ones are told to come back, and their connections end.

use std::sync::Arc;

use component_base::serving::{Body, Handler, RequestContext};
use futures::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Paths that are served to the end, with everything below them and that begins like them.
const EXEMPT: [&str; 4] = ["/readyz", "/livez", "/healthz", "/metrics"];
/// The user agent of the server's own clients.
const OWN_AGENT: &str = "kube-apiserver/";
/// Seconds after which clients come back.
const RETRY_AFTER: &str = "5";
const MESSAGE: &str = "The apiserver is shutting down, please try again later.\n";

/// A handler that, once the server leaves, answers nothing new but health checks and metrics.
#[derive(Clone)]
pub struct RetryAfter {
    handler: Arc<dyn Handler>,
    leaving: CancellationToken,
    under_way: TaskTracker,
}

impl std::fmt::Debug for RetryAfter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RetryAfter").finish_non_exhaustive()
    }
}

impl RetryAfter {
    /// `handler` until `leaving` is cancelled.
    #[must_use]
    pub fn new(handler: Arc<dyn Handler>, leaving: CancellationToken) -> Self {
        Self {
            handler,
            leaving,
            under_way: TaskTracker::new(),
        }
    }

    /// Waits until the requests that came before the server left have been answered.
    pub async fn drained(&self) {
        self.leaving.cancelled().await;
        self.under_way.close();
        self.under_way.wait().await;
    }
}

fn is_exempt(request: &Request<Body>) -> bool {
    let agent = request.headers().get(header::USER_AGENT);
    let own = agent.is_some_and(|agent| agent.as_bytes().starts_with(OWN_AGENT.as_bytes()));
    own || EXEMPT.iter().any(|path| request.uri().path().starts_with(path))
}

fn refusal(request: &Request<Body>) -> Response<Body> {
    if let Some(serving) = RequestContext::of(request.extensions()) {
        serving.connection().close_gracefully();
    }
    let mut response = Response::new(Body::from(MESSAGE));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::RETRY_AFTER, RETRY_AFTER),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Handler for RetryAfter {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        if is_exempt(&request) {
            return self.handler.handle(request);
        }
        if self.leaving.is_cancelled() {
            return std::future::ready(refusal(&request)).boxed();
        }
        self.under_way.track_future(self.handler.handle(request)).boxed()
    }

    fn answers_at_once(&self, method: &Method, uri: &Uri) -> bool {
        self.handler.answers_at_once(method, uri)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use component_base::serving::{Body, Handler as _};
    use http::{Request, Response, header};
    use tokio::sync::Notify;
    use tokio_util::sync::CancellationToken;

    use super::RetryAfter;

    fn request(path: &str, agent: &str) -> Request<Body> {
        let builder = Request::get(path).header(header::USER_AGENT, agent);
        builder.body(Body::empty()).expect("a request")
    }

    #[tokio::test]
    async fn who_comes_late_is_sent_elsewhere() {
        let (finish, leaving) = (Arc::new(Notify::new()), CancellationToken::new());
        let slow = finish.clone();
        let answering = move |request: Request<Body>| {
            let slow = slow.clone();
            async move {
                if request.uri().path() == "/slow" {
                    slow.notified().await;
                }
                Response::new(Body::empty())
            }
        };
        let handler = RetryAfter::new(Arc::new(answering), leaving.clone());
        let before = tokio::spawn(handler.handle(request("/slow", "x")));
        tokio::task::yield_now().await;
        leaving.cancel();
        for (path, agent, code) in [
            ("/api/v1/pods", "x", 429),
            ("/readyz/etcd", "x", 200),
            ("/metrics", "x", 200),
            ("/api/v1/pods", "kube-apiserver/v1.36.2", 200),
        ] {
            let response = handler.handle(request(path, agent)).await;
            assert_eq!(response.status(), code, "{path}");
            let retry = response.headers().get(header::RETRY_AFTER);
            assert_eq!(retry.is_some_and(|after| after == "5"), code == 429, "{path}");
        }
        let early = tokio::time::timeout(Duration::from_millis(20), handler.drained()).await;
        assert!(early.is_err(), "a request is still under way");
        finish.notify_one();
        assert_eq!(before.await.expect("no panic").status(), 200);
        handler.drained().await;
    }
}
