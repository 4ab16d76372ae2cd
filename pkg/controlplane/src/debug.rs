//! `/debug/flags` and `/debug/pprof`, on the secure port (`--profiling`) and on a socket of their own (`--debug-socket-path`).
//!
//! Profiles in Go's format cannot be taken of this program: who asks for one is told what to use instead.

use std::{future::ready, io, path::Path};

use component_base::{
    logs::LogHandle,
    serving::{Body, Listener, Server},
};
use component_server::Router;
use http::{HeaderValue, Request, Response, StatusCode, header};
use tokio_util::sync::CancellationToken;

const FLAGS: &str = "<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n\
                     <tr>v<br>\n</table>\n<br>\nfull flags configurable<br>\n</body>\n</html>\n";
const NO_PROFILES: &str =
    "This server is no Go program and takes no profiles of itself; perf(1) does (perf record -g -p PID).\n";

fn answer(status: StatusCode, content_type: &'static str, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The command line of this process, its words separated by NUL.
fn command_line() -> String {
    std::env::args().collect::<Vec<_>>().join("\0")
}

/// What is served below `/debug/`, but for flow control.
pub(crate) fn router(log: &LogHandle) -> Router {
    Router::new()
        .below("/debug/flags", |_: Request<Body>| {
            ready(answer(StatusCode::OK, "text/html; charset=utf-8", FLAGS))
        })
        .log_verbosity(log.clone().into())
        .below("/debug/pprof", |_: Request<Body>| {
            ready(answer(
                StatusCode::NOT_IMPLEMENTED,
                "text/plain; charset=utf-8",
                NO_PROFILES,
            ))
        })
        .at("/debug/pprof/cmdline", |_: Request<Body>| {
            ready(answer(StatusCode::OK, "text/plain; charset=utf-8", command_line()))
        })
}

/// Serves it on a socket in the file system, to whomever may open that, until `stop`.
///
/// # Errors
/// The socket cannot be made.
pub(crate) fn serve_socket(path: &Path, log: &LogHandle, stop: CancellationToken) -> io::Result<()> {
    let listener = Listener::bind_unix(path)?;
    tokio::spawn(Server::new(router(log)).serve(listener, stop));
    Ok(())
}

#[cfg(test)]
mod tests {
    use component_base::{
        feature_gates::FeatureGates,
        logs::{self, LoggingConfiguration},
        serving::{Body, Handler as _},
    };
    use http::{Method, Request};

    use super::router;

    #[tokio::test]
    async fn the_log_can_be_made_to_say_more() {
        let configuration = LoggingConfiguration::default();
        let (_, log) = logs::layer(
            &configuration,
            &FeatureGates::default(),
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        )
        .expect("a log");
        let router = router(&log);
        for (method, path, body, code) in [
            (Method::GET, "/debug/flags", "", 200),
            (Method::PUT, "/debug/flags/v", "6", 200),
            (Method::PUT, "/debug/flags/v", "x", 400),
            (Method::GET, "/debug/flags/v", "", 406),
            (Method::GET, "/debug/pprof/profile", "", 501),
            (Method::GET, "/debug/pprof/cmdline", "", 200),
            (Method::GET, "/debug/other", "", 404),
        ] {
            let request = Request::builder().method(method).uri(path).body(Body::from(body));
            let response = router.handle(request.expect("a request")).await;
            assert_eq!(response.status(), code, "{path}");
        }
        assert_eq!(log.verbosity(), 6);
    }
}
