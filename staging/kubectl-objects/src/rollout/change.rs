//! Pausing, resuming, restarting: one field of the object each.

use serde_json::Value;

use super::Rollable;
use crate::json::object_at;
use crate::{Result, refuse};

/// The annotation whose change makes a controller replace every pod.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// What is done to a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The controller stops replacing pods.
    Pause,
    /// It goes on.
    Resume,
    /// It replaces every pod.
    Restart,
}

/// The object as it is to be; `now` is the time of a restart in RFC 3339.
///
/// # Errors
/// The kind knows no such change, or it makes no sense for the object as it is.
pub fn change(object: &Value, what: Change, now: &str) -> Result<Value> {
    let kind = Rollable::of(object);
    let paused = object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
    let is_deployment = kind == Some(Rollable::Deployment);
    match what {
        Change::Pause if !is_deployment => return Err(refuse!("pausing is not supported")),
        Change::Pause if paused => return Err(refuse!("is already paused")),
        Change::Resume if !is_deployment => return Err(refuse!("resuming is not supported")),
        Change::Resume if !paused => return Err(refuse!("is not paused")),
        Change::Restart if kind.is_none() => return Err(refuse!("restarting is not supported")),
        Change::Restart if is_deployment && paused => {
            return Err(refuse!("can't restart paused deployment (run rollout resume first)"));
        }
        _ => {}
    }
    let mut changed = object.clone();
    match what {
        Change::Pause => {
            object_at(&mut changed, &["spec"]).insert("paused".to_owned(), true.into());
        }
        Change::Resume => {
            object_at(&mut changed, &["spec"]).remove("paused");
        }
        Change::Restart => {
            object_at(&mut changed, &["spec", "template", "metadata", "annotations"])
                .insert(RESTARTED_AT.to_owned(), now.into());
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_field_changes_or_it_is_said_why_not() {
        let object = |kind: &str, spec: Value| json!({"apiVersion": "apps/v1", "kind": kind, "spec": spec});
        let restarted = json!({"template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}});
        for (kind, spec, what, expected) in [
            ("Deployment", json!({}), Change::Pause, Ok(json!({"paused": true}))),
            (
                "Deployment",
                json!({"paused": true}),
                Change::Pause,
                Err("is already paused"),
            ),
            ("Deployment", json!({"paused": true}), Change::Resume, Ok(json!({}))),
            (
                "Deployment",
                json!({"paused": false}),
                Change::Resume,
                Err("is not paused"),
            ),
            ("Deployment", json!({}), Change::Restart, Ok(restarted.clone())),
            (
                "Deployment",
                json!({"paused": true}),
                Change::Restart,
                Err("can't restart paused deployment (run rollout resume first)"),
            ),
            ("StatefulSet", json!({}), Change::Restart, Ok(restarted)),
            ("DaemonSet", json!({}), Change::Pause, Err("pausing is not supported")),
            (
                "StatefulSet",
                json!({}),
                Change::Resume,
                Err("resuming is not supported"),
            ),
            (
                "ReplicaSet",
                json!({}),
                Change::Restart,
                Err("restarting is not supported"),
            ),
        ] {
            let changed = change(&object(kind, spec), what, "now").map_err(|error| error.0);
            assert_eq!(
                changed,
                expected.map(|spec| object(kind, spec)).map_err(str::to_owned),
                "{what:?} {kind}"
            );
        }
    }
}
