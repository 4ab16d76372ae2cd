//! One probe, done once.

use std::sync::Arc;
use std::time::Duration;

use cri_client::{Error, RuntimeService};
use k8s_api::core::v1::{Container, EnvVar, ExecAction, Pod, PodStatus, Probe};
use kubelet_types::expansion::expand;
use kubelet_types::pod::format_pod;
use kubelet_types::seams::{EventRecorder, EventType, container_reference};
use tokio::net::TcpStream;

use crate::grpc;
use crate::http::{self, http_get, resolve_port};
use crate::results::ProbeKind;

/// A probe that cannot be done is tried again so often.
const TRIES: usize = 3;
/// No more of a command's output is kept.
const MAX_OUTPUT: usize = 10 * 1024;

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Success(String),
    /// As it should be, but worth an event.
    Warning(String),
    /// Not as it should be.
    Failure(String),
    /// The probe could not be done.
    Error(String),
}

/// Does probes.
pub struct Prober {
    runtime: Arc<dyn RuntimeService>,
    recorder: Arc<dyn EventRecorder>,
}

impl Prober {
    /// Commands run in `runtime`, failures go to `recorder`.
    #[must_use]
    pub fn new(runtime: Arc<dyn RuntimeService>, recorder: Arc<dyn EventRecorder>) -> Self {
        Self { runtime, recorder }
    }

    /// Probes a container; `None` if the probe could not be done. Failures are recorded as events.
    pub(crate) async fn probe(
        &self,
        kind: ProbeKind,
        spec: &Probe,
        pod: &Pod,
        status: &PodStatus,
        container: &Container,
        container_id: &str,
    ) -> Option<bool> {
        let mut outcome = Outcome::Error(String::new());
        for _ in 0..TRIES {
            outcome = self.probe_once(spec, pod, status, container, container_id).await;
            if !matches!(outcome, Outcome::Error(_)) {
                break;
            }
        }
        let event = |reason: &str, message: String| {
            let object = container_reference(pod, &container.name);
            self.recorder.event(&object, EventType::Warning, reason, &message);
        };
        let kind = kind.as_str();
        match outcome {
            Outcome::Success(_) => Some(true),
            Outcome::Warning(text) => {
                event("ProbeWarning", format!("{kind} probe warning: {text}"));
                Some(true)
            }
            Outcome::Failure(text) => {
                event("Unhealthy", format!("{kind} probe failed: {text}"));
                Some(false)
            }
            Outcome::Error(text) => {
                event(
                    "Unhealthy",
                    format!("{kind} probe errored and resulted in unknown state: {text}"),
                );
                None
            }
        }
    }

    async fn probe_once(
        &self,
        spec: &Probe,
        pod: &Pod,
        status: &PodStatus,
        container: &Container,
        container_id: &str,
    ) -> Outcome {
        let timeout = Duration::from_secs(u64::try_from(spec.timeout_seconds).unwrap_or(1).max(1));
        if let Some(action) = &spec.exec {
            return self.exec(action, container, container_id, timeout).await;
        }
        if let Some(action) = &spec.http_get {
            return match http_get(action, container, &status.pod_ip, "probe", timeout).await {
                Ok(response) if response.status.is_success() => Outcome::Success(response.body),
                Ok(response) if response.status.is_redirection() => {
                    Outcome::Warning(format!("Probe terminated redirects, Response body: {}", response.body))
                }
                Ok(response) => Outcome::Failure(format!(
                    "HTTP probe failed with statuscode: {}",
                    response.status.as_u16()
                )),
                Err(error @ http::HttpError::Invalid(_)) => Outcome::Error(error.to_string()),
                Err(error) => Outcome::Failure(error.to_string()),
            };
        }
        if let Some(action) = &spec.tcp_socket {
            let host = if action.host.is_empty() {
                &status.pod_ip
            } else {
                &action.host
            };
            return match resolve_port(&action.port, container) {
                Ok(port) => connect(host, port, timeout).await,
                Err(error) => Outcome::Error(error.to_string()),
            };
        }
        if let Some(action) = &spec.grpc {
            let service = action.service.as_deref().unwrap_or_default();
            return grpc::check(&status.pod_ip, action.port, service, timeout).await;
        }
        Outcome::Error(format!(
            "missing probe handler for {}:{}",
            format_pod(pod),
            container.name
        ))
    }

    async fn exec(&self, action: &ExecAction, container: &Container, container_id: &str, timeout: Duration) -> Outcome {
        let command: Vec<_> = action
            .command
            .iter()
            .map(|word| expand_static(word, &container.env))
            .collect();
        let id = container_id.split_once("://").map_or(container_id, |(_, id)| id);
        match self.runtime.exec_sync(id, &command, timeout).await {
            Ok(output) => {
                let mut bytes = output.stdout;
                bytes.extend(output.stderr);
                bytes.truncate(MAX_OUTPUT);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if output.exit_code == 0 {
                    Outcome::Success(text)
                } else {
                    Outcome::Failure(text)
                }
            }
            Err(error @ Error::CommandTimedOut { .. }) => Outcome::Failure(error.to_string()),
            Err(error) => Outcome::Error(error.to_string()),
        }
    }
}

/// Commands of probes see only the variables that stand in the specification with a value.
fn expand_static(word: &str, env: &[EnvVar]) -> String {
    expand(word, |name| {
        let found = env.iter().rev().find(|variable| variable.name == name);
        found.map(|variable| variable.value.clone())
    })
}

async fn connect(host: &str, port: u16, timeout: Duration) -> Outcome {
    let address = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Outcome::Success(String::new()),
        Ok(Err(error)) => Outcome::Failure(format!("dial tcp {address}: connect: {}", http::words(&error))),
        Err(_) => Outcome::Failure(format!("dial tcp {address}: i/o timeout")),
    }
}
