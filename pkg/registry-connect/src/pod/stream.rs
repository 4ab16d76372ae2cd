//! `pods/exec`, `pods/attach` and `pods/portforward`: streams that the kubelet serves and this server passes on.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::ConnectOptions,
    endpoints::{Call, Connecter},
    options::Query,
    registry::Local,
};
use apiserver_auth::authorization::{Authorizer, Decision, forbidden};
use async_trait::async_trait;
use component_base::{
    feature_gates::{Feature, FeatureGates},
    serving::Body,
};
use http::{HeaderMap, Request, Response};
use k8s_api::core::v1::Pod;
use serde_json::{Map, Value};
use streaming::{
    Connections,
    relay::{Relay, RelayError},
    remotecommand::Options,
};

use super::{container::chosen, log::pod_of};
use crate::Kubelets;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Runs a command in a container.
    Exec,
    /// Joins what a container runs.
    Attach,
    /// Connects to ports of a pod.
    PortForward,
}

/// What the streams of a server have in common.
pub struct Streams {
    /// The pods.
    pub pods: Local<Pod>,
    /// Who serves their streams.
    pub kubelets: Arc<Kubelets>,
    /// Features.
    pub gates: Arc<FeatureGates>,
    /// Who may open a stream.
    pub authorizer: Arc<dyn Authorizer>,
    /// Owns the connections that streams become.
    pub connections: Connections,
    /// Most bytes a second and direction (`--max-connection-bytes-per-sec`); `None` for no limit.
    pub max_bytes_per_second: Option<u64>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// One kind of stream.
#[derive(Debug)]
pub struct PodStream {
    kind: StreamKind,
    streams: Arc<Streams>,
}

impl PodStream {
    /// The streams of this kind.
    #[must_use]
    pub fn new(kind: StreamKind, streams: Arc<Streams>) -> Arc<Self> {
        Arc::new(Self { kind, streams })
    }

    /// A GET opens a stream as well as a POST, so it needs the right to create one.
    async fn authorize(&self, call: &Call<'_>) -> Result<(), StatusError> {
        if !self
            .streams
            .gates
            .enabled(Feature::AuthorizePodWebsocketUpgradeCreatePermission)
        {
            return Ok(());
        }
        let mut attributes = call.context.info.attributes(&call.context.user);
        attributes.verb = "create";
        let answer = self.streams.authorizer.authorize(&attributes).await;
        if answer.decision == Decision::Allow {
            return Ok(());
        }
        Err(forbidden(&attributes, &answer.reason))
    }
}

fn flag(query: &Query, name: &str) -> bool {
    query.boolean(name).unwrap_or(false)
}

/// The options as the kubelet gets them, in the order of their names.
fn kubelet_query(kind: StreamKind, query: &Query) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if kind == StreamKind::PortForward {
        for ports in query.all("ports") {
            pairs.append_pair("port", ports);
        }
        return pairs.finish();
    }
    if kind == StreamKind::Exec {
        for word in query.all("command") {
            pairs.append_pair("command", word);
        }
    }
    for (theirs, ours) in [
        ("error", "stderr"),
        ("input", "stdin"),
        ("output", "stdout"),
        ("tty", "tty"),
    ] {
        if flag(query, ours) {
            pairs.append_pair(theirs, "1");
        }
    }
    pairs.finish()
}

/// The options as admission sees them.
fn admission_options(kind: StreamKind, query: &Query) -> ConnectOptions {
    let mut members = Map::new();
    let mut list = |name: &str, values: Vec<Value>| {
        if !values.is_empty() {
            members.insert(name.to_owned(), Value::Array(values));
        }
    };
    if kind == StreamKind::PortForward {
        let ports = query.all("ports");
        list(
            "ports",
            ports
                .filter_map(|port| port.parse::<i32>().ok())
                .map(Value::from)
                .collect(),
        );
        return ConnectOptions::new("PodPortForwardOptions", members);
    }
    if kind == StreamKind::Exec {
        let command = query.all("command");
        list("command", command.map(|word| Value::from(word.to_owned())).collect());
    }
    for name in ["stdin", "stdout", "stderr", "tty"] {
        if flag(query, name) {
            members.insert(name.to_owned(), true.into());
        }
    }
    let container = query.text("container");
    if !container.is_empty() {
        members.insert("container".to_owned(), Value::from(container));
    }
    let kind = match kind {
        StreamKind::Exec => "PodExecOptions",
        StreamKind::Attach | StreamKind::PortForward => "PodAttachOptions",
    };
    ConnectOptions::new(kind, members)
}

#[async_trait]
impl Connecter for PodStream {
    fn methods(&self) -> &'static [&'static str] {
        &["GET", "POST"]
    }

    fn admission_options(&self, call: &Call<'_>) -> Option<ConnectOptions> {
        Some(admission_options(self.kind, &call.query))
    }

    async fn connect(&self, call: &Call<'_>, name: &str, _body: Body) -> Result<Response<Body>, StatusError> {
        self.authorize(call).await?;
        let pod = pod_of(&self.streams.pods, call, name).await?;
        let container = match self.kind {
            StreamKind::PortForward => String::new(),
            _ => format!("/{}", chosen(&pod, &call.query.text("container"))?),
        };
        if pod.spec.node_name.is_empty() {
            return Err(StatusError::bad_request(format!(
                "pod {name} does not have a host assigned"
            )));
        }
        let kubelet = self
            .streams
            .kubelets
            .of_node("pods", &pod.spec.node_name, false)
            .await?;
        let what = match self.kind {
            StreamKind::Exec => "exec",
            StreamKind::Attach => "attach",
            StreamKind::PortForward => "portForward",
        };
        let mut path = format!("/{what}/{}/{name}{container}", pod.metadata.namespace);
        let query = kubelet_query(self.kind, &call.query);
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let relay = Relay {
            location: kubelet.location(&path).map_err(StatusError::internal_error)?,
            connector: Arc::new(kubelet),
            use_location_host: false,
            headers: HeaderMap::new(),
            client_address: call.serving.as_ref().and_then(|serving| serving.connection().peer_ip()),
            max_bytes_per_second: self.streams.max_bytes_per_second,
            connections: self.streams.connections.clone(),
        };
        let request = Request::from_parts(call.parts.clone(), ());
        let answer = match self.kind {
            StreamKind::PortForward => relay.port_forward(request).await,
            _ => relay.exec(request, options(&call.query)).await,
        };
        answer.map(into_response).map_err(|error| told(&error))
    }
}

fn options(query: &Query) -> Options {
    Options {
        stdin: flag(query, "stdin"),
        stdout: flag(query, "stdout"),
        stderr: flag(query, "stderr"),
        tty: flag(query, "tty"),
    }
}

/// An answer of the relay as one of this server's.
pub(crate) fn into_response(answer: Response<streaming::Body>) -> Response<Body> {
    answer.map(Body::boxed)
}

/// What a client is told of a stream that was not opened.
pub(crate) fn told(error: &RelayError) -> StatusError {
    match error {
        RelayError::UpgradeRequired | RelayError::RequestBody | RelayError::UpgradeToken(_) => {
            StatusError::bad_request(error.to_string())
        }
        RelayError::Dial(_) | RelayError::Response(_) => StatusError::internal_error(error),
    }
}

#[cfg(test)]
mod tests {
    use apiserver::options::Query;

    use super::{StreamKind, kubelet_query};

    #[test]
    fn options_reach_the_kubelet() {
        let cases = [
            (
                StreamKind::Exec,
                "command=ls&command=-l&stdin=true&stdout=1&stderr=false&tty&container=c",
                "command=ls&command=-l&input=1&output=1&tty=1",
            ),
            (StreamKind::Attach, "stderr=1&command=x", "error=1"),
            (StreamKind::PortForward, "ports=80&ports=81", "port=80&port=81"),
        ];
        for (kind, query, expected) in cases {
            assert_eq!(kubelet_query(kind, &Query::parse(query)), expected, "{query}");
        }
    }
}
