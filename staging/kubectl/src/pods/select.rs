//! From an object that has pods to one of its pods (upstream: `pkg/polymorphichelpers`).

use std::cmp::Ordering;
use std::time::Duration;

use client_go::discovery::RestMapping;
use component_base::GoDuration;
use k8s_api::primitives::quote;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use cli_runtime::resource::{group_kind, list, text_at};
use cli_runtime::{Result, message};

use crate::frame::Context;

/// How often it is looked for pods while there are none.
const INTERVAL: Duration = Duration::from_millis(500);

/// Which of two equally ready pods comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefer {
    /// The one that was restarted less: for running something in it.
    Steady,
    /// The one that was restarted more: for its logs.
    Restarted,
}

/// The namespace and the label selector of the pods of an object.
///
/// # Errors
/// The object has none.
pub(crate) fn selector(object: &Value) -> Result<(String, String)> {
    let namespace = text_at(object, &["metadata", "namespace"]).to_owned();
    let (_, kind) = group_kind(object);
    let spec = &object["spec"]["selector"];
    let selector = match kind {
        "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => label_selector(spec)?,
        "ReplicationController" => pairs(spec),
        "Service" => {
            if spec.as_object().is_none_or(serde_json::Map::is_empty) {
                return Err(message!(
                    "invalid service '{}': Service is defined without a selector",
                    text_at(object, &["metadata", "name"])
                ));
            }
            pairs(spec)
        }
        _ => return Err(message!("selector for {kind} not implemented")),
    };
    Ok((namespace, selector))
}

/// Labels as text: `a=b,c=d`.
pub(crate) fn pairs(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    let pairs: Vec<String> = pairs
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.join(",")
}

/// A `metav1.LabelSelector` as the text of a query.
///
/// # Errors
/// An operator that there is not.
pub(crate) fn label_selector(selector: &Value) -> Result<String> {
    let mut parts = Vec::new();
    let labels = pairs(&selector["matchLabels"]);
    if !labels.is_empty() {
        parts.push(labels);
    }
    for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text_at(requirement, &["key"]);
        let values = requirement["values"].as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match text_at(requirement, &["operator"]) {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            other => return Err(message!("{} is not a valid label selector operator", quote(other))),
        });
    }
    Ok(parts.join(","))
}

/// The pods that a selector finds, the preferred one first; waits for one.
///
/// # Errors
/// There is none in time, or the server cannot be asked.
pub(crate) async fn pods(
    context: &Context,
    namespace: &str,
    selector: &str,
    timeout: GoDuration,
    prefer: Prefer,
) -> Result<Vec<Value>> {
    let client = context.factory.client()?;
    let mapping: std::sync::Arc<RestMapping> = context.factory.resource("pods").await?;
    let deadline = Instant::now() + timeout.to_std();
    loop {
        let mut pods = Vec::new();
        for mut page in list(&client, &mapping, namespace, selector, "").await? {
            if let Some(items) = page["items"].as_array_mut() {
                pods.append(items);
            }
        }
        if !pods.is_empty() {
            pods.sort_by(|one, other| compare(one, other, prefer));
            return Ok(pods);
        }
        if Instant::now() >= deadline {
            return Err(message!("timed out waiting for the condition"));
        }
        sleep(INTERVAL).await;
    }
}

/// The pod of an object to attach to: itself, or the preferred one of its pods.
///
/// # Errors
/// The object has no pods, or none in time.
pub(crate) async fn attachable(context: &Context, object: Value, timeout: GoDuration) -> Result<Value> {
    let (_, kind) = group_kind(&object);
    if kind == "Pod" {
        return Ok(object);
    }
    let (namespace, selector) = selector(&object).map_err(|error| message!("cannot attach to {kind}: {error}"))?;
    let mut pods = pods(context, &namespace, &selector, timeout, Prefer::Steady).await?;
    Ok(pods.swap_remove(0))
}

/// The one object that a word means: `NAME` of a pod, or `TYPE/NAME`.
///
/// # Errors
/// It does not exist.
pub(crate) async fn object(context: &Context, namespace: &str, target: &str) -> Result<Value> {
    let found = context
        .builder()
        .namespace(namespace)
        .default_namespace()
        .resource_names("pods", &[target.to_owned()])
        .find()
        .await?;
    let mut infos = found.into_infos()?;
    if infos.len() != 1 {
        return Err(message!("expected a resource"));
    }
    Ok(infos.swap_remove(0).object.unwrap_or_default())
}

/// The time since when a pod is ready, if it is.
fn ready_since(pod: &Value) -> Option<&str> {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        .map(|condition| text_at(condition, &["lastTransitionTime"]))
        .next()
}

/// The most restarts of a container, and of one that runs beside the others from the start.
fn restarts(pod: &Value) -> (i64, i64) {
    let most = |statuses: &Value, counts: &dyn Fn(&Value) -> bool| {
        let statuses = statuses.as_array().into_iter().flatten();
        statuses
            .filter(|status| counts(status))
            .filter_map(|status| status["restartCount"].as_i64())
            .max()
            .unwrap_or(0)
    };
    let init = pod["spec"]["initContainers"].as_array().map_or(&[][..], Vec::as_slice);
    let beside = |status: &Value| {
        init.iter()
            .any(|container| container["restartPolicy"] == "Always" && container["name"] == status["name"])
    };
    let status = &pod["status"];
    (
        most(&status["containerStatuses"], &|_| true),
        most(&status["initContainerStatuses"], &beside),
    )
}

/// Timestamps of the API sort as texts; one that is missing is the latest.
fn earlier(one: &str, other: &str) -> Ordering {
    (one.is_empty(), one).cmp(&(other.is_empty(), other))
}

/// Assigned before unassigned, running before unknown before pending, ready before not ready, for running something what
/// stays before what is being deleted, ready for longer before ready for shorter, then by restarts, then the older one.
fn compare(one: &Value, other: &Value, prefer: Prefer) -> Ordering {
    let unassigned = |pod: &Value| text_at(pod, &["spec", "nodeName"]).is_empty();
    let phase = |pod: &Value| match (text_at(pod, &["status", "phase"]), prefer) {
        ("Running", _) => 0,
        ("Unknown", _) => 1,
        ("Pending", _) | (_, Prefer::Steady) => 2,
        // One that has ended still has its logs.
        (_, Prefer::Restarted) => 0,
    };
    let created = |pod| text_at(pod, &["metadata", "creationTimestamp"]);
    let deleted = |pod| text_at(pod, &["metadata", "deletionTimestamp"]);
    let by_deletion = match prefer {
        Prefer::Steady if deleted(one).is_empty() || deleted(other).is_empty() => deleted(one).cmp(deleted(other)),
        Prefer::Steady => deleted(other).cmp(deleted(one)),
        Prefer::Restarted => Ordering::Equal,
    };
    let (one_ready, other_ready) = (ready_since(one), ready_since(other));
    let by_restarts = match prefer {
        Prefer::Steady => restarts(one).cmp(&restarts(other)),
        Prefer::Restarted => restarts(other).cmp(&restarts(one)),
    };
    unassigned(one)
        .cmp(&unassigned(other))
        .then(phase(one).cmp(&phase(other)))
        .then(one_ready.is_none().cmp(&other_ready.is_none()))
        .then(by_deletion)
        .then(earlier(one_ready.unwrap_or_default(), other_ready.unwrap_or_default()))
        .then(by_restarts)
        .then(earlier(created(one), created(other)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_queries() {
        let expressions = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "k", "operator": "In", "values": ["x", "y"]},
            {"key": "n", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"},
            {"key": "d", "operator": "DoesNotExist"},
        ]});
        for (object, expected) in [
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": expressions}}),
                Ok("a=b,k in (x,y),n notin (z),e,!d"),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"a": "b", "c": "d"}}}),
                Ok("a=b,c=d"),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}),
                Err("invalid service 's': Service is defined without a selector"),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Node"}),
                Err("selector for Node not implemented"),
            ),
        ] {
            let found = selector(&object)
                .map(|(_, selector)| selector)
                .map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn the_best_pod_is_first() {
        let pod = |name: &str, node: &str, phase: &str, ready: &str, restarts: i64| {
            let conditions = if ready.is_empty() {
                json!([])
            } else {
                json!([{"type": "Ready", "status": "True", "lastTransitionTime": ready}])
            };
            json!({"metadata": {"name": name, "creationTimestamp": "2024-01-01T00:00:00Z"}, "spec": {"nodeName": node},
                "status": {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": restarts}]}})
        };
        let mut deleted = pod("deleted", "n", "Running", "2024-01-01T00:00:00Z", 0);
        deleted["metadata"]["deletionTimestamp"] = json!("2024-01-04T00:00:00Z");
        let mut deleted_before = pod("deleted before", "n", "Running", "2024-01-01T12:00:00Z", 0);
        deleted_before["metadata"]["deletionTimestamp"] = json!("2024-01-03T00:00:00Z");
        let mut beside = pod("sidecar restarted", "n", "Running", "2024-01-02T00:00:00Z", 0);
        beside["spec"]["initContainers"] = json!([{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]);
        beside["status"]["initContainerStatuses"] =
            json!([{"name": "s", "restartCount": 1}, {"name": "i", "restartCount": 9}]);
        let mut pods = [
            pod("unassigned", "", "Pending", "", 0),
            pod("pending", "n", "Pending", "", 0),
            pod("ended", "n", "Succeeded", "", 1),
            deleted,
            deleted_before,
            pod("running", "n", "Running", "", 0),
            pod("late", "n", "Running", "2024-01-03T00:00:00Z", 0),
            pod("restarted", "n", "Running", "2024-01-02T00:00:00Z", 3),
            beside,
            pod("steady", "n", "Running", "2024-01-02T00:00:00Z", 0),
        ];
        for (prefer, expected) in [
            (
                Prefer::Steady,
                [
                    "steady",
                    "sidecar restarted",
                    "restarted",
                    "late",
                    "deleted",
                    "deleted before",
                    "running",
                    "pending",
                    "ended",
                    "unassigned",
                ],
            ),
            (
                Prefer::Restarted,
                [
                    "deleted",
                    "deleted before",
                    "restarted",
                    "sidecar restarted",
                    "steady",
                    "late",
                    "ended",
                    "running",
                    "pending",
                    "unassigned",
                ],
            ),
        ] {
            pods.sort_by(|one, other| compare(one, other, prefer));
            let names: Vec<&str> = pods.iter().map(|pod| text_at(pod, &["metadata", "name"])).collect();
            assert_eq!(names, expected, "{prefer:?}");
        }
    }
}
