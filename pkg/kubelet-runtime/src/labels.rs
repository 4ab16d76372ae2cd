//! The labels and annotations that tie sandboxes and containers to pods.
//!
//! They are the only memory that outlives the kubelet; names and values are upstream's, so that either kubelet can take over
//! the other's containers.

use std::collections::BTreeMap;

use k8s_api::Kind;
use k8s_api::core::v1::{Container, Lifecycle, LifecycleHandler, Pod};

/// Name, namespace and uid of the pod, and the container's name.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// See [`POD_NAME`].
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// See [`POD_NAME`].
pub const POD_UID: &str = "io.kubernetes.pod.uid";
/// See [`POD_NAME`].
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";

const DELETION_GRACE: &str = "io.kubernetes.pod.deletionGracePeriod";
const TERMINATION_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";
const HASH: &str = "io.kubernetes.container.hash";
const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
const MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
const MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";
const PORTS: &str = "io.kubernetes.container.ports";

type Map = BTreeMap<String, String>;

/// The labels of a sandbox: the pod's and the identity.
#[must_use]
pub fn sandbox_labels(pod: &Pod) -> Map {
    let mut labels: Map = pod
        .metadata
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    labels.extend(identity(pod));
    labels
}

/// The annotations of a sandbox: the pod's.
#[must_use]
pub fn sandbox_annotations(pod: &Pod) -> Map {
    pod.metadata
        .annotations
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The labels of a container.
#[must_use]
pub fn container_labels(pod: &Pod, container: &Container) -> Map {
    let mut labels = identity(pod);
    labels.insert(CONTAINER_NAME.to_owned(), container.name.clone());
    labels
}

fn identity(pod: &Pod) -> Map {
    let meta = &pod.metadata;
    [
        (POD_NAME, &meta.name),
        (POD_NAMESPACE, &meta.namespace),
        (POD_UID, &meta.uid),
    ]
    .map(|(key, value)| (key.to_owned(), value.clone()))
    .into()
}

/// The annotations of a container: what its end needs even if the pod is not known any more.
#[must_use]
pub fn container_annotations(pod: &Pod, container: &Container, restart_count: i32) -> Map {
    let mut annotations = Map::new();
    let mut set = |key: &str, value: String| drop(annotations.insert(key.to_owned(), value));
    set(HASH, format!("{:x}", hash(container)));
    set(RESTART_COUNT, restart_count.to_string());
    set(MESSAGE_PATH, container.termination_message_path.clone());
    set(MESSAGE_POLICY, container.termination_message_policy.clone());
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        set(DELETION_GRACE, grace.to_string());
    }
    if let Some(grace) = pod.spec.termination_grace_period_seconds {
        set(TERMINATION_GRACE, grace.to_string());
    }
    let pre_stop = container
        .lifecycle
        .as_deref()
        .and_then(|lifecycle| lifecycle.pre_stop.as_deref());
    if let Some(handler) = pre_stop {
        set(PRE_STOP, encode_handler(handler));
    }
    if !container.ports.is_empty() {
        let holder = Container {
            ports: container.ports.clone(),
            ..Default::default()
        };
        set(PORTS, member(&in_pod(holder), "/spec/containers/0/ports"));
    }
    annotations
}

fn in_pod(container: Container) -> Pod {
    let mut pod = Pod::default();
    pod.spec.containers.push(container);
    pod
}

fn member(pod: &Pod, pointer: &str) -> String {
    pod.to_value()
        .pointer(pointer)
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn encode_handler(handler: &LifecycleHandler) -> String {
    let lifecycle = Lifecycle {
        pre_stop: Some(Box::new(handler.clone())),
        ..Default::default()
    };
    let holder = Container {
        lifecycle: Some(Box::new(lifecycle)),
        ..Default::default()
    };
    member(&in_pod(holder), "/spec/containers/0/lifecycle/preStop")
}

/// What a container's annotations tell about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotated {
    /// The hash of what it was made from; `None` if it cannot be read, which counts as unchanged.
    pub hash: Option<u64>,
    /// How often it had been started before.
    pub restart_count: i32,
    /// Where it leaves its last words.
    pub termination_message_path: String,
    /// Whether the log stands in for them.
    pub fallback_to_logs: bool,
    /// The seconds it has to end.
    pub grace_period: Option<i64>,
}

/// Reads a container's annotations.
#[must_use]
pub fn read_annotations(annotations: &Map) -> Annotated {
    let number = |key: &str| annotations.get(key).and_then(|text| text.parse::<i64>().ok());
    Annotated {
        hash: annotations
            .get(HASH)
            .and_then(|text| u64::from_str_radix(text, 16).ok()),
        restart_count: number(RESTART_COUNT)
            .and_then(|count| i32::try_from(count).ok())
            .unwrap_or_default(),
        termination_message_path: annotations.get(MESSAGE_PATH).cloned().unwrap_or_default(),
        fallback_to_logs: annotations
            .get(MESSAGE_POLICY)
            .is_some_and(|policy| policy == "FallbackToLogsOnError"),
        grace_period: number(DELETION_GRACE).or_else(|| number(TERMINATION_GRACE)),
    }
}

/// A pod and container with just what ending the container needs, for one whose pod is not known any more.
#[must_use]
pub fn restore(labels: &Map, annotations: &Map) -> (Pod, Container) {
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    let mut container = Container {
        name: label(CONTAINER_NAME),
        ..Default::default()
    };
    let json = |key: &str| {
        annotations
            .get(key)
            .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok())
    };
    let mut document = serde_json::json!({"spec": {"containers": [{"name": container.name}]}});
    if let Some(handler) = json(PRE_STOP) {
        document["spec"]["containers"][0]["lifecycle"] = serde_json::json!({"preStop": handler});
    }
    if let Some(ports) = json(PORTS) {
        document["spec"]["containers"][0]["ports"] = ports;
    }
    match Pod::from_value(document) {
        Ok(mut restored) => container = restored.spec.containers.pop().unwrap_or(container),
        Err(error) => tracing::warn!(%error, "a container's annotations cannot be read, its hook will not run"),
    }
    let mut pod = Pod::default();
    pod.metadata.name = label(POD_NAME);
    pod.metadata.namespace = label(POD_NAMESPACE);
    pod.metadata.uid = label(POD_UID);
    let number = |key: &str| annotations.get(key).and_then(|text| text.parse::<i64>().ok());
    pod.metadata.deletion_grace_period_seconds = number(DELETION_GRACE);
    pod.spec.termination_grace_period_seconds = number(TERMINATION_GRACE);
    pod.spec.containers.push(container.clone());
    (pod, container)
}

/// The hash of what cannot change without a new container: its name and image (upstream's function, bit for bit).
#[must_use]
pub fn hash(container: &Container) -> u64 {
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let json = format!(
        "{{\"image\":{},\"name\":{}}}",
        quote(&container.image),
        quote(&container.name)
    );
    let bytes: Vec<_> = json.bytes().map(|byte| byte.to_string()).collect();
    let text = format!("([]uint8)[{}]", bytes.join(" "));
    let hash = text.bytes().fold(0x811c_9dc5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    u64::from(hash)
}
