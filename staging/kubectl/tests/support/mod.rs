//! An API server of fixed answers, and kubectl run against it.

use std::convert::Infallible;
use std::sync::Arc;

use cli_runtime::IoStreams;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// One answer: `GET /path?query`, whether it is the table form, status and body.
pub(crate) struct Answer {
    pub(crate) request: &'static str,
    pub(crate) table: bool,
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(request: &'static str, body: Value) -> Self {
        let table = body["kind"] == "Table";
        let status = body["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or(200);
        Self {
            request,
            table,
            status,
            body,
        }
    }
}

fn not_found() -> Value {
    serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": "the server could not find the requested resource"})
}

fn answer(answers: &[Answer], request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let line = format!("{} {target}", request.method());
    let accept = request
        .headers()
        .get("accept")
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let wants_table = accept.contains("as=Table");
    let of_line = || answers.iter().filter(|answer| answer.request == line);
    let found = of_line()
        .find(|answer| answer.table == wants_table)
        .or_else(|| of_line().next());
    let (status, body) = found.map_or((404, not_found()), |answer| (answer.status, answer.body.clone()));
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

/// The server, and a folder for kubeconfig and cache.
pub(crate) struct Cluster {
    folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answers = Arc::new(answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = answers.clone();
                let service = service_fn(move |request| {
                    let response = answer(&answers, &request);
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster: {{server: 'http://127.0.0.1:{port}'}}\ncontexts:\n- name: test\n  context: {{cluster: test, user: ''}}\n"
        );
        std::fs::write(folder.path().join("config"), kubeconfig).expect("a file");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Exit code, standard output, standard error.
    pub(crate) async fn kubectl(&self, line: &[&str], input: &str) -> (u8, String, String) {
        let flags = [
            format!("--kubeconfig={}", self.path("config")),
            format!("--cache-dir={}", self.path("cache")),
        ];
        let line: Vec<String> = flags
            .into_iter()
            .chain(line.iter().map(|word| (*word).to_owned()))
            .collect();
        let streams = IoStreams::memory(input.as_bytes());
        let code = kubectl::execute(&kubectl::commands::ROOT, &line, &streams).await;
        (code, streams.out.take(), streams.err.take())
    }
}
