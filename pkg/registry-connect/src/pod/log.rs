//! `pods/log`: what a container has written.

use std::sync::Arc;

use apimachinery::status::{GroupResource, ResponseError, StatusError, generic_server_response};
use apiserver::{
    endpoints::{Call, Connecter},
    registry::Local,
};
use async_trait::async_trait;
use component_base::{
    feature_gates::{Feature, FeatureGates},
    serving::Body,
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use k8s_api::core::v1::Pod;

use streaming::websocket::sender::serve_bytes;

use super::{container::chosen, log_options::LogOptions, stream::into_response};
use crate::Kubelets;

/// How much of a kubelet's error is read.
const MAX_ERROR: usize = 50_000;

/// The logs of pods.
#[derive(Debug)]
pub struct PodLog {
    pods: Local<Pod>,
    kubelets: Arc<Kubelets>,
    gates: Arc<FeatureGates>,
}

impl PodLog {
    /// The logs of these pods, which their kubelets have.
    #[must_use]
    pub fn new(pods: Local<Pod>, kubelets: Arc<Kubelets>, gates: Arc<FeatureGates>) -> Arc<Self> {
        Arc::new(Self { pods, kubelets, gates })
    }
}

/// The pod of a request.
pub(super) async fn pod_of(pods: &Local<Pod>, call: &Call<'_>, name: &str) -> Result<Pod, StatusError> {
    let pod = pods.get(&call.context.info.namespace, name).await?;
    pod.ok_or_else(|| StatusError::not_found(GroupResource::new("", "pods"), name))
}

#[async_trait]
impl Connecter for PodLog {
    fn methods(&self) -> &'static [&'static str] {
        &["GET"]
    }

    async fn connect(&self, call: &Call<'_>, name: &str, _body: Body) -> Result<Response<Body>, StatusError> {
        let options = LogOptions::parse(&call.query, name, self.gates.enabled(Feature::PodLogsQuerySplitStreams))?;
        let pod = pod_of(&self.pods, call, name).await?;
        let container = chosen(&pod, &options.container)?;
        if pod.spec.node_name.is_empty() {
            // Nothing has run yet.
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Ok(response);
        }
        let kubelet = self
            .kubelets
            .of_node("pods", &pod.spec.node_name, options.skip_verification)
            .await?;
        let path = format!("/containerLogs/{}/{name}/{container}", pod.metadata.namespace);
        let request = Request::get(format!("{path}?{}", options.to_query()))
            .header(header::HOST, kubelet.authority())
            .body(Body::empty())
            .map_err(StatusError::internal_error)?;
        let answer = kubelet.send(request).await.map_err(|error| {
            StatusError::internal_error(format!(
                "Get \"https://{}{path}?{}\": {error}",
                kubelet.authority(),
                options.to_query()
            ))
        })?;
        let (parts, body) = answer.into_parts();
        if !(200..=206).contains(&parts.status.as_u16()) {
            let text = Limited::new(body, MAX_ERROR).collect().await;
            let text = text.map(|text| String::from_utf8_lossy(&text.to_bytes()).into_owned());
            return Err(refused(parts.status, &text.unwrap_or_default(), name));
        }
        if streaming::is_websocket_request(&call.headers) {
            let request = Request::from_parts(call.parts.clone(), ());
            let answer = serve_bytes(request, body.into_data_stream(), call.owner_of_upgraded()?);
            return Ok(into_response(answer));
        }
        let mut response = Response::new(Body::boxed(body));
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        Ok(response)
    }
}

/// What a client is told of a kubelet's refusal.
fn refused(status: StatusCode, text: &str, name: &str) -> StatusError {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => StatusError::internal_error(text),
        StatusCode::BAD_REQUEST => StatusError::bad_request(text),
        _ => generic_server_response(ResponseError {
            code: status.as_u16().into(),
            verb: "",
            resource: GroupResource::new("", "pods/log"),
            name,
            server_message: text,
            retry_after_seconds: 0,
            unexpected: false,
        }),
    }
}
