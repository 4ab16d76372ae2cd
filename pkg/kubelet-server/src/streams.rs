//! Exec, attach, port-forward and run.

use std::sync::Arc;
use std::time::Duration;

use component_base::serving::{Body, RequestContext};
use cri_client::api::{AttachRequest, ExecRequest, PortForwardRequest};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use k8s_api::core::v1::Pod;
use kubelet_runtime::{ContainerState, KubeRuntime};
use kubelet_types::container::find;
use streaming::portforward::ports_from_query;
use streaming::relay::Relay;
use streaming::remotecommand::Options;
use streaming::{BoxIo, Connections};
use tokio::net::TcpStream;

use crate::answers;

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command's.
    Exec,
    /// A container's own.
    Attach,
}

/// The runtime's id of a running container.
async fn running_container(runtime: &KubeRuntime, pod: &Pod, name: &str) -> Result<String, Response<Body>> {
    let meta = &pod.metadata;
    let record = runtime.pod_status(&meta.uid, &meta.name, &meta.namespace).await;
    let record = record.map_err(|error| answers::runtime_error(&error))?;
    let found = record.find(name).filter(|it| it.state == ContainerState::Running);
    let missing = || {
        answers::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("container not found ({name:?})"),
        )
    };
    found.map(|it| it.id.clone()).ok_or_else(missing)
}

/// A relay to the URL that the runtime gave.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn relay(url: &str, request: &Request<Body>, connections: &Connections) -> Result<Relay, Response<Body>> {
    let wrong = |why: String| {
        let words = format!("the runtime's streaming URL {url:?} cannot be used: {why}");
        answers::text(StatusCode::INTERNAL_SERVER_ERROR, words)
    };
    let location: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    let authority = location
        .authority()
        .ok_or_else(|| wrong("it names no host".to_owned()))?;
    let address = match authority.port_u16() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    };
    let connector = move || {
        let address = address.clone();
        async move {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxIo)
        }
    };
    Ok(Relay {
        connector: Arc::new(connector),
        location,
        use_location_host: true,
        headers: HeaderMap::new(),
        client_address: RequestContext::of(request.extensions()).and_then(|context| context.connection().peer_ip()),
        max_bytes_per_second: None,
        connections: connections.clone(),
    })
}

fn relayed(outcome: Result<Response<streaming::Body>, streaming::relay::RelayError>) -> Response<Body> {
    match outcome {
        Ok(response) => response.map(Body::boxed),
        Err(error) => {
            tracing::error!(%error, "Error while proxying request");
            answers::text(error.status_code(), format!("{error}\n"))
        }
    }
}

/// Runs a command, or attaches to what runs.
pub(crate) async fn remote_command(
    runtime: &KubeRuntime,
    connections: &Connections,
    kind: Kind,
    pod: &Pod,
    container: &str,
    request: Request<Body>,
) -> Response<Body> {
    let options = match Options::from_query(request.uri()) {
        Ok(options) => options,
        Err(error) => return answers::text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let id = match running_container(runtime, pod, container).await {
        Ok(id) => id,
        Err(answer) => return answer,
    };
    let service = &runtime.services().runtime;
    let url = match kind {
        Kind::Exec => {
            let query = request.uri().query().unwrap_or_default();
            let command = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "command");
            let exec = ExecRequest {
                container_id: id,
                cmd: command.map(|(_, word)| word.into_owned()).collect(),
                tty: options.tty,
                stdin: options.stdin,
                stdout: options.stdout,
                stderr: options.stderr,
            };
            service.exec(exec).await.map(|answer| answer.url)
        }
        Kind::Attach => {
            // Whether there is a terminal the container's specification says, and not the caller.
            let tty = find(&pod.spec, container).is_some_and(|(_, it)| it.tty);
            let attach = AttachRequest {
                container_id: id,
                stdin: options.stdin,
                tty,
                stdout: options.stdout,
                stderr: options.stderr && !tty,
            };
            service.attach(attach).await.map(|answer| answer.url)
        }
    };
    let url = match url {
        Ok(url) => url,
        Err(error) => return answers::runtime_error(&error),
    };
    match relay(&url, &request, connections) {
        Ok(relay) => relayed(relay.exec(request, options).await),
        Err(answer) => answer,
    }
}

/// Forwards ports of a pod.
pub(crate) async fn port_forward(
    runtime: &KubeRuntime,
    connections: &Connections,
    pod: &Pod,
    request: Request<Body>,
) -> Response<Body> {
    let tunnel = streaming::is_tunneling_request(request.headers());
    let mut ports = Vec::new();
    // Ports stand in the query for the oldest WebSocket protocol only.
    if !tunnel && streaming::is_websocket_request(request.headers()) {
        match ports_from_query(request.uri()) {
            Ok(given) => ports = given,
            Err(error) => return answers::text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }
    let meta = &pod.metadata;
    let record = match runtime.pod_status(&meta.uid, &meta.name, &meta.namespace).await {
        Ok(record) => record,
        Err(error) => return answers::runtime_error(&error),
    };
    let Some(sandbox) = record.ready_sandbox() else {
        let words = format!(
            "failed to find sandboxID for pod {}",
            kubelet_types::pod::format_pod(pod)
        );
        return answers::text(StatusCode::INTERNAL_SERVER_ERROR, words);
    };
    let forward = PortForwardRequest {
        pod_sandbox_id: sandbox.id.clone(),
        port: ports.into_iter().map(i32::from).collect(),
    };
    let url = match runtime.services().runtime.port_forward(forward).await {
        Ok(answer) => answer.url,
        Err(error) => return answers::runtime_error(&error),
    };
    match relay(&url, &request, connections) {
        Ok(relay) => relayed(relay.port_forward(request).await),
        Err(answer) => answer,
    }
}

/// Runs a command to its end and answers with what it wrote.
pub(crate) async fn run(runtime: &KubeRuntime, pod: &Pod, container: &str, query: &str) -> Response<Body> {
    let id = match running_container(runtime, pod, container).await {
        Ok(id) => id,
        Err(answer) => return answer,
    };
    let command = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "cmd")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
    let service = &runtime.services().runtime;
    match service.exec_sync(&id, &words, Duration::ZERO).await {
        Ok(output) => {
            let mut all = output.stdout.clone();
            all.extend_from_slice(&output.stderr);
            match output.check(&words) {
                Ok(_) => answers::json(all),
                Err(error) => answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            }
        }
        Err(error) => answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
