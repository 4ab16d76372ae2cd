//! Whether the container runtime is fit for use.

use std::time::Duration;

use cri_client::api::{RuntimeCondition, StatusResponse};
use k8s_api::core::v1::{NodeRuntimeHandler, NodeRuntimeHandlerFeatures};
use parking_lot::Mutex;
use tokio::time::Instant;

/// A runtime that has not answered for so long counts as down.
const DOWN_AFTER: Duration = Duration::from_secs(30);

/// What is known of the runtime.
pub struct RuntimeState {
    inner: Mutex<Inner>,
}

#[derive(Clone, Default)]
struct Inner {
    /// When it was last fit for use.
    last_ready: Option<Instant>,
    runtime_error: Option<String>,
    network_error: Option<String>,
    handlers: Vec<NodeRuntimeHandler>,
    supplemental_groups_policy: Option<bool>,
    version: String,
}

impl Default for RuntimeState {
    fn default() -> Self {
        let inner = Inner {
            network_error: Some("network state unknown".to_owned()),
            ..Default::default()
        };
        Self {
            inner: Mutex::new(inner),
        }
    }
}

fn describe(condition: Option<&RuntimeCondition>) -> String {
    condition.map_or_else(
        || "<nil>".to_owned(),
        |it| {
            format!(
                "{}={} reason:{} message:{}",
                it.r#type, it.status, it.reason, it.message
            )
        },
    )
}

impl RuntimeState {
    /// Takes an answer of the runtime in; tells whether anything changed that the node's status shows.
    pub fn update(&self, answer: &StatusResponse) -> bool {
        let empty = Vec::new();
        let conditions = answer.status.as_ref().map_or(&empty, |status| &status.conditions);
        let find = |kind: &str| conditions.iter().find(|condition| condition.r#type == kind);
        let mut inner = self.inner.lock();
        let before = (
            inner.last_ready.is_some_and(|moment| moment.elapsed() < DOWN_AFTER),
            inner.runtime_error.clone(),
            inner.network_error.clone(),
        );
        let network = find("NetworkReady");
        inner.network_error = (!network.is_some_and(|it| it.status))
            .then(|| format!("container runtime network not ready: {}", describe(network)));
        let runtime = find("RuntimeReady");
        if runtime.is_some_and(|it| it.status) {
            inner.runtime_error = None;
            inner.last_ready = Some(Instant::now());
            let mut handlers: Vec<_> = answer.runtime_handlers.iter().map(handler).collect();
            handlers.sort_by(|a, b| a.name.cmp(&b.name));
            inner.handlers = handlers;
            inner.supplemental_groups_policy = answer.features.as_ref().map(|it| it.supplemental_groups_policy);
        } else {
            inner.runtime_error = Some(format!("container runtime not ready: {}", describe(runtime)));
        }
        before
            != (
                inner.last_ready.is_some(),
                inner.runtime_error.clone(),
                inner.network_error.clone(),
            )
    }

    /// Notes the runtime's version, `containerd://1.7.0`.
    pub fn set_version(&self, version: String) {
        self.inner.lock().version = version;
    }

    /// The runtime's version; empty before it has told it.
    #[must_use]
    pub fn version(&self) -> String {
        self.inner.lock().version.clone()
    }

    /// Whether the runtime has been fit for use lately.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.runtime_errors().is_empty()
    }

    /// Whether pods' networks can be made.
    #[must_use]
    pub fn network_error(&self) -> Option<String> {
        self.inner.lock().network_error.clone()
    }

    /// What is wrong with the runtime.
    #[must_use]
    pub fn runtime_errors(&self) -> Vec<String> {
        let inner = self.inner.lock();
        let mut errors = Vec::new();
        match inner.last_ready {
            None => errors.push("container runtime status check may not have completed yet".to_owned()),
            Some(moment) if moment.elapsed() >= DOWN_AFTER => errors.push("container runtime is down".to_owned()),
            Some(_) => {}
        }
        errors.extend(inner.runtime_error.clone());
        errors
    }

    /// The handlers and what they can do.
    #[must_use]
    pub fn handlers(&self) -> Vec<NodeRuntimeHandler> {
        self.inner.lock().handlers.clone()
    }

    /// Whether the runtime knows `supplementalGroupsPolicy`, if it tells.
    #[must_use]
    pub fn supplemental_groups_policy(&self) -> Option<bool> {
        self.inner.lock().supplemental_groups_policy
    }
}

fn handler(handler: &cri_client::api::RuntimeHandler) -> NodeRuntimeHandler {
    let features = handler.features.as_ref();
    NodeRuntimeHandler {
        name: handler.name.clone(),
        features: Some(Box::new(NodeRuntimeHandlerFeatures {
            recursive_read_only_mounts: Some(features.is_some_and(|it| it.recursive_read_only_mounts)),
            user_namespaces: Some(features.is_some_and(|it| it.user_namespaces)),
        })),
    }
}
