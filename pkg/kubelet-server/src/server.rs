//! From a path to its handler.

use std::path::PathBuf;
use std::sync::Arc;

use component_base::health::HealthEndpoints;
use component_base::logs::LogHandle;
use component_base::metrics::MetricsRegistry;
use component_base::serving::{Body, Handler, RequestContext};
use component_server::{Guard, Refusal};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use k8s_api::core::v1::Pod;
use kubelet_runtime::KubeRuntime;
use kubelet_stats::StatsProvider;
use streaming::Connections;

use crate::access::{subresources, verb};
use crate::streams::{self, Kind};
use crate::{Host, answers, cadvisor, checkpoint, files, logs, metrics, pods};

/// The node's own logs.
const NODE_LOGS: &str = "/var/log";

/// What the server works with.
pub struct ServerParts {
    /// The kubelet.
    pub host: Arc<dyn Host>,
    /// The runtime.
    pub runtime: Arc<KubeRuntime>,
    /// Statistics.
    pub stats: Arc<StatsProvider>,
    /// `/healthz`.
    pub health: Arc<HealthEndpoints>,
    /// `/metrics`.
    pub metrics: MetricsRegistry,
    /// `/metrics/probes`.
    pub probe_metrics: MetricsRegistry,
    /// The configuration in force, for `/configz`.
    pub configuration: serde_json::Value,
    /// The log, whose verbosity can be set.
    pub log: LogHandle,
    /// The kubelet's root directory.
    pub root: PathBuf,
    /// Whether logs, exec and the like are served (`enableDebuggingHandlers`).
    pub debugging: bool,
    /// Whether `/logs` is served (`enableSystemLogHandler`).
    pub system_logs: bool,
    /// Whether the verbosity can be set (`enableDebugFlagsHandler`).
    pub debug_flags: bool,
    /// Whether one stream of a log can be asked for (`PodLogsQuerySplitStreams`).
    pub split_streams: bool,
}

/// The node's API. Without a guard it is the read-only one.
#[derive(Clone)]
pub struct NodeServer {
    parts: Arc<ServerParts>,
    guard: Option<Arc<Guard>>,
    connections: Connections,
}

impl NodeServer {
    /// The API on the secure port.
    #[must_use]
    pub fn new(parts: Arc<ServerParts>, guard: Guard) -> Self {
        Self {
            parts,
            guard: Some(Arc::new(guard)),
            connections: Connections::new(),
        }
    }

    /// The API on the port without authentication: what changes nothing and shows no more than pods and figures.
    #[must_use]
    pub fn read_only(parts: Arc<ServerParts>) -> Self {
        Self {
            parts,
            guard: None,
            connections: Connections::new(),
        }
    }

    /// The connections of exec, attach and port-forward, to be ended with the server.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let Some(guard) = &self.guard else {
            let (head, _) = request.into_parts();
            return self
                .open(&head.uri, &head.headers)
                .await
                .unwrap_or_else(answers::not_found);
        };
        let (mut head, body) = request.into_parts();
        if let Err(refusal) = guard.admit(&head).await {
            return refused(&refusal, &head.method, head.uri.path());
        }
        guard.clear_credentials(&mut head.headers);
        if let Some(answer) = self.open(&head.uri, &head.headers).await {
            return answer;
        }
        self.guarded(Request::from_parts(head, body)).await
    }

    /// What both ports serve.
    async fn open(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
        let parts = &self.parts;
        let (path, query) = (uri.path(), uri.query());
        if let Some(answer) = parts.health.respond(path, query).await {
            return Some(answer);
        }
        Some(match path.trim_end_matches('/') {
            "/pods" => pods::wanted(&parts.host.pods()),
            "/stats/summary" => {
                let only_cpu_and_memory = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                    .any(|(name, value)| name == "only_cpu_and_memory" && value == "true");
                let summary = parts.stats.summary(&parts.host.pods(), only_cpu_and_memory).await;
                match summary {
                    Ok(summary) => answers::json(serde_json::to_vec(&summary).unwrap_or_default()),
                    Err(error) => answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
                }
            }
            "/metrics" => parts.metrics.respond(headers),
            "/metrics/probes" => parts.probe_metrics.respond(headers),
            "/metrics/resource" => metrics::resource(&parts.stats, &parts.host.pods()).await,
            "/metrics/cadvisor" => cadvisor::answer(&parts.stats, &parts.host.pods()).await,
            _ => return None,
        })
    }

    /// What only the secure port serves.
    async fn guarded(&self, request: Request<Body>) -> Response<Body> {
        let parts = &self.parts;
        let path = percent_encoding::percent_decode_str(request.uri().path())
            .decode_utf8_lossy()
            .into_owned();
        match path.as_str() {
            "/configz" => {
                let body = serde_json::json!({"kubeletconfig": parts.configuration});
                return answers::json(body.to_string().into_bytes());
            }
            "/debug/flags/v" if parts.debug_flags => return self.set_verbosity(request).await,
            "/debug/flags/v" => return disabled("flags endpoint is disabled."),
            _ => {}
        }
        if let Some(rest) = path
            .strip_prefix("/logs")
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            return if parts.system_logs {
                files::serve(std::path::Path::new(NODE_LOGS), rest).await
            } else {
                disabled("logs endpoint is disabled.")
            };
        }
        let segments: Vec<&str> = path.split('/').skip(1).filter(|it| !it.is_empty()).collect();
        let debugging = matches!(
            segments.first(),
            Some(&("run" | "exec" | "attach" | "portForward" | "containerLogs" | "runningpods" | "checkpoint"))
        );
        if debugging && !parts.debugging {
            return disabled("Debug endpoints are disabled.");
        }
        self.of_pod(&segments, request).await
    }

    /// What is about one pod.
    async fn of_pod(&self, segments: &[&str], request: Request<Body>) -> Response<Body> {
        let runtime = &self.parts.runtime;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let streaming = matches!(request.method(), &Method::GET | &Method::POST);
        match *segments {
            ["runningpods"] => pods::running(runtime).await,
            ["containerLogs", namespace, name, container] if request.method() == Method::GET => {
                let parsed = match logs::parse(&query, self.parts.split_streams) {
                    Ok(parsed) => parsed,
                    Err((status, words)) => return answers::text(status, words),
                };
                let Some(pod) = self.parts.host.pod_by_name(namespace, name) else {
                    return answers::text(StatusCode::NOT_FOUND, format!("pod {name:?} does not exist"));
                };
                if kubelet_types::container::find(&pod.spec, container).is_none() {
                    let words = format!("container {container:?} not found in pod {name:?}");
                    return answers::text(StatusCode::NOT_FOUND, words);
                }
                if parsed.options.follow {
                    long_running(&request);
                }
                logs::serve(runtime, &pod, container, parsed).await
            }
            ["exec", namespace, name, container] if streaming => {
                self.command(Kind::Exec, (namespace, name, None), container, request)
                    .await
            }
            ["exec", namespace, name, uid, container] if streaming => {
                self.command(Kind::Exec, (namespace, name, Some(uid)), container, request)
                    .await
            }
            ["attach", namespace, name, container] if streaming => {
                self.command(Kind::Attach, (namespace, name, None), container, request)
                    .await
            }
            ["attach", namespace, name, uid, container] if streaming => {
                self.command(Kind::Attach, (namespace, name, Some(uid)), container, request)
                    .await
            }
            ["portForward", namespace, name] if streaming => self.forward((namespace, name, None), request).await,
            ["portForward", namespace, name, uid] if streaming => {
                self.forward((namespace, name, Some(uid)), request).await
            }
            ["run", namespace, name, container] if request.method() == Method::POST => {
                match self.pod((namespace, name, None)) {
                    Ok(pod) => streams::run(runtime, &pod, container, &query).await,
                    Err(answer) => answer,
                }
            }
            ["run", namespace, name, uid, container] if request.method() == Method::POST => {
                match self.pod((namespace, name, Some(uid))) {
                    Ok(pod) => streams::run(runtime, &pod, container, &query).await,
                    Err(answer) => answer,
                }
            }
            ["checkpoint", namespace, name, container] if request.method() == Method::POST => {
                match self.pod((namespace, name, None)) {
                    Ok(pod) => checkpoint::serve(runtime, &self.parts.root, &pod, container, &query).await,
                    Err(answer) => answer,
                }
            }
            _ => answers::not_found(),
        }
    }

    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    fn pod(&self, (namespace, name, uid): (&str, &str, Option<&str>)) -> Result<Arc<Pod>, Response<Body>> {
        let missing = |words: &str| answers::text(StatusCode::NOT_FOUND, words);
        let pod = self.parts.host.pod_by_name(namespace, name);
        let pod = pod.ok_or_else(|| missing("pod does not exist"))?;
        match uid {
            Some(uid) if uid != pod.metadata.uid => Err(missing("pod not found")),
            _ => Ok(pod),
        }
    }

    async fn command(
        &self,
        kind: Kind,
        pod: (&str, &str, Option<&str>),
        container: &str,
        request: Request<Body>,
    ) -> Response<Body> {
        long_running(&request);
        match self.pod(pod) {
            Ok(pod) => {
                streams::remote_command(&self.parts.runtime, &self.connections, kind, &pod, container, request).await
            }
            Err(answer) => answer,
        }
    }

    async fn forward(&self, pod: (&str, &str, Option<&str>), request: Request<Body>) -> Response<Body> {
        long_running(&request);
        match self.pod(pod) {
            Ok(pod) => streams::port_forward(&self.parts.runtime, &self.connections, &pod, request).await,
            Err(answer) => answer,
        }
    }

    async fn set_verbosity(&self, request: Request<Body>) -> Response<Body> {
        if request.method() != Method::PUT {
            return answers::text(StatusCode::NOT_ACCEPTABLE, "unrecognized http method");
        }
        let body = match request.into_body().collect_bytes(64).await {
            Ok(body) => body,
            Err(error) => {
                let words = format!("error reading request body: {error}");
                return answers::text(StatusCode::BAD_REQUEST, words);
            }
        };
        let level = String::from_utf8_lossy(&body).trim().to_owned();
        match level.parse() {
            Ok(verbosity) => {
                self.parts.log.set_verbosity(verbosity);
                let words = format!("successfully set klog.logging.verbosity to {verbosity}");
                answers::text(StatusCode::OK, words)
            }
            Err(error) => {
                let words = format!("failed set klog.logging.verbosity {level}: {error}");
                answers::text(StatusCode::BAD_REQUEST, words)
            }
        }
    }
}

impl Handler for NodeServer {
    fn handle(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let this = self.clone();
        async move { this.respond(request).await }.boxed()
    }
}

fn long_running(request: &Request<Body>) {
    if let Some(context) = RequestContext::of(request.extensions()) {
        context.mark_long_running();
    }
}

fn disabled(words: &str) -> Response<Body> {
    answers::text(StatusCode::METHOD_NOT_ALLOWED, format!("{words}\n"))
}

/// The node's API words refusals as texts.
fn refused(refusal: &Refusal, method: &Method, path: &str) -> Response<Body> {
    match refusal {
        Refusal::Unauthenticated => answers::text(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Refusal::Forbidden { user, .. } => {
            let words = format!(
                "Forbidden (user={}, verb={}, resource=nodes, subresource(s)=[{}])\n",
                user.name,
                verb(method),
                subresources(path).join(" ")
            );
            answers::text(StatusCode::FORBIDDEN, words)
        }
    }
}
