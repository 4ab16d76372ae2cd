//! How far a rollout is.

use serde_json::Value;

use super::Rollable;
use super::revisions::revision_of;
use crate::json::{list_at, number_at, text_at};
use crate::{Result, refuse};

/// What is said of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// One line, with its end.
    pub message: String,
    /// Whether the rollout is over.
    pub done: bool,
}

fn waiting(message: String) -> Status {
    Status { message, done: false }
}

fn done(message: String) -> Status {
    Status { message, done: true }
}

/// How far the object's rollout is; `revision` is the one that is meant, 0 for whichever is the latest.
///
/// # Errors
/// It has failed, another revision is rolled out, or the update strategy knows no rollout.
pub fn status(kind: Rollable, object: &Value, revision: i64) -> Result<Status> {
    match kind {
        Rollable::Deployment => deployment(object, revision),
        Rollable::DaemonSet => daemon_set(object),
        Rollable::StatefulSet => stateful_set(object),
    }
}

fn observed(object: &Value) -> i64 {
    number_at(object, &["status", "observedGeneration"])
}

fn generation(object: &Value) -> i64 {
    number_at(object, &["metadata", "generation"])
}

fn deployment(object: &Value, revision: i64) -> Result<Status> {
    let name = text_at(object, &["metadata", "name"]);
    if revision > 0 {
        let running =
            revision_of(object).map_err(|error| refuse!("cannot get the revision of deployment {name:?}: {error}"))?;
        if running != revision {
            return Err(refuse!(
                "desired revision ({revision}) is different from the running revision ({running})"
            ));
        }
    }
    if generation(object) > observed(object) {
        return Ok(waiting(
            "Waiting for deployment spec update to be observed...\n".to_owned(),
        ));
    }
    let progressing = list_at(object, &["status", "conditions"])
        .iter()
        .find(|condition| text_at(condition, &["type"]) == "Progressing");
    if progressing.is_some_and(|condition| text_at(condition, &["reason"]) == "ProgressDeadlineExceeded") {
        return Err(refuse!("deployment {name:?} exceeded its progress deadline"));
    }
    let count = |member: &str| number_at(object, &["status", member]);
    let (replicas, updated, available) = (count("replicas"), count("updatedReplicas"), count("availableReplicas"));
    let waiting_for = |what: String| {
        waiting(format!(
            "Waiting for deployment {name:?} rollout to finish: {what}...\n"
        ))
    };
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    Ok(match wanted {
        Some(wanted) if updated < wanted => {
            waiting_for(format!("{updated} out of {wanted} new replicas have been updated"))
        }
        _ if replicas > updated => waiting_for(format!("{} old replicas are pending termination", replicas - updated)),
        _ if available < updated => waiting_for(format!("{available} of {updated} updated replicas are available")),
        _ => done(format!("deployment {name:?} successfully rolled out\n")),
    })
}

/// Refuses every strategy but the rolling one.
fn require_rolling(object: &Value) -> Result<()> {
    if text_at(object, &["spec", "updateStrategy", "type"]) == "RollingUpdate" {
        Ok(())
    } else {
        Err(refuse!(
            "rollout status is only available for RollingUpdate strategy type"
        ))
    }
}

fn daemon_set(object: &Value) -> Result<Status> {
    require_rolling(object)?;
    let name = text_at(object, &["metadata", "name"]);
    if generation(object) > observed(object) {
        return Ok(waiting(
            "Waiting for daemon set spec update to be observed...\n".to_owned(),
        ));
    }
    let count = |member: &str| number_at(object, &["status", member]);
    let (wanted, updated) = (count("desiredNumberScheduled"), count("updatedNumberScheduled"));
    let available = count("numberAvailable");
    let waiting_for = |what: String| {
        waiting(format!(
            "Waiting for daemon set {name:?} rollout to finish: {what}...\n"
        ))
    };
    Ok(if updated < wanted {
        waiting_for(format!("{updated} out of {wanted} new pods have been updated"))
    } else if available < wanted {
        waiting_for(format!("{available} of {wanted} updated pods are available"))
    } else {
        done(format!("daemon set {name:?} successfully rolled out\n"))
    })
}

fn stateful_set(object: &Value) -> Result<Status> {
    require_rolling(object)?;
    if observed(object) == 0 || generation(object) > observed(object) {
        return Ok(waiting(
            "Waiting for statefulset spec update to be observed...\n".to_owned(),
        ));
    }
    let count = |member: &str| number_at(object, &["status", member]);
    let (ready, updated) = (count("readyReplicas"), count("updatedReplicas"));
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Ok(waiting(format!("Waiting for {} pods to be ready...\n", wanted - ready)));
    }
    if let Some(rolling) = object.pointer("/spec/updateStrategy/rollingUpdate") {
        let partition = rolling.get("partition").and_then(Value::as_i64);
        if let (Some(wanted), Some(partition)) = (wanted, partition)
            && updated < wanted - partition
        {
            return Ok(waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...\n",
                wanted - partition
            )));
        }
        return Ok(done(format!(
            "partitioned roll out complete: {updated} new pods have been updated...\n"
        )));
    }
    let revision = |member: &str| text_at(object, &["status", member]);
    let (current, update) = (revision("currentRevision"), revision("updateRevision"));
    Ok(if current == update {
        done(format!(
            "statefulset rolling update complete {} pods at revision {current}...\n",
            count("currentReplicas")
        ))
    } else {
        waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {update}...\n"
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Case = (Rollable, Value, Value, i64, Result<(&'static str, bool), &'static str>);

    fn check(cases: Vec<Case>) {
        for (kind, spec, observed, revision, expected) in cases {
            let object = json!({"metadata": {"name": "o", "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "2"}},
                "spec": spec, "status": observed});
            let found = status(kind, &object, revision).map(|status| (status.message, status.done));
            let expected = expected
                .map(|(message, done)| (message.to_owned(), done))
                .map_err(str::to_owned);
            assert_eq!(found.map_err(|error| error.0), expected);
        }
    }

    #[test]
    fn deployments_have_a_line_for_every_stage() {
        check(vec![
            (
                Rollable::Deployment,
                json!({"replicas": 3}),
                json!({}),
                0,
                Ok(("Waiting for deployment spec update to be observed...\n", false)),
            ),
            (
                Rollable::Deployment,
                json!({"replicas": 3}),
                json!({"observedGeneration": 1, "updatedReplicas": 1}),
                0,
                Ok((
                    "Waiting for deployment \"o\" rollout to finish: 1 out of 3 new replicas have been updated...\n",
                    false,
                )),
            ),
            (
                Rollable::Deployment,
                json!({"replicas": 3}),
                json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 5}),
                0,
                Ok((
                    "Waiting for deployment \"o\" rollout to finish: 2 old replicas are pending termination...\n",
                    false,
                )),
            ),
            (
                Rollable::Deployment,
                json!({"replicas": 3}),
                json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 1}),
                0,
                Ok((
                    "Waiting for deployment \"o\" rollout to finish: 1 of 3 updated replicas are available...\n",
                    false,
                )),
            ),
            (
                Rollable::Deployment,
                json!({"replicas": 3}),
                json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}),
                2,
                Ok(("deployment \"o\" successfully rolled out\n", true)),
            ),
            (
                Rollable::Deployment,
                json!({}),
                json!({}),
                3,
                Err("desired revision (3) is different from the running revision (2)"),
            ),
            (
                Rollable::Deployment,
                json!({}),
                json!({"observedGeneration": 1, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}),
                0,
                Err("deployment \"o\" exceeded its progress deadline"),
            ),
        ]);
    }

    #[test]
    fn daemon_sets_have_a_line_for_every_stage() {
        let rolling = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}});
        let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
        let only_rolling = "rollout status is only available for RollingUpdate strategy type";
        check(vec![
            (Rollable::DaemonSet, on_delete.clone(), json!({}), 0, Err(only_rolling)),
            (
                Rollable::DaemonSet,
                rolling.clone(),
                json!({}),
                0,
                Ok(("Waiting for daemon set spec update to be observed...\n", false)),
            ),
            (
                Rollable::DaemonSet,
                rolling.clone(),
                json!({"observedGeneration": 1, "desiredNumberScheduled": 2}),
                0,
                Ok((
                    "Waiting for daemon set \"o\" rollout to finish: 0 out of 2 new pods have been updated...\n",
                    false,
                )),
            ),
            (
                Rollable::DaemonSet,
                rolling.clone(),
                json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}),
                0,
                Ok((
                    "Waiting for daemon set \"o\" rollout to finish: 1 of 2 updated pods are available...\n",
                    false,
                )),
            ),
            (
                Rollable::DaemonSet,
                rolling.clone(),
                json!({"observedGeneration": 1}),
                0,
                Ok(("daemon set \"o\" successfully rolled out\n", true)),
            ),
        ]);
    }

    #[test]
    fn stateful_sets_have_a_line_for_every_stage() {
        let rolling = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}});
        let partitioned =
            json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
        let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
        let only_rolling = "rollout status is only available for RollingUpdate strategy type";
        check(vec![
            (Rollable::StatefulSet, on_delete, json!({}), 0, Err(only_rolling)),
            (
                Rollable::StatefulSet,
                rolling.clone(),
                json!({}),
                0,
                Ok(("Waiting for statefulset spec update to be observed...\n", false)),
            ),
            (
                Rollable::StatefulSet,
                rolling.clone(),
                json!({"observedGeneration": 1, "readyReplicas": 1}),
                0,
                Ok(("Waiting for 2 pods to be ready...\n", false)),
            ),
            (
                Rollable::StatefulSet,
                rolling.clone(),
                json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 2, "updateRevision": "b", "currentRevision": "a"}),
                0,
                Ok((
                    "waiting for statefulset rolling update to complete 2 pods at revision b...\n",
                    false,
                )),
            ),
            (
                Rollable::StatefulSet,
                rolling,
                json!({"observedGeneration": 1, "readyReplicas": 3, "currentReplicas": 3, "updateRevision": "b", "currentRevision": "b"}),
                0,
                Ok(("statefulset rolling update complete 3 pods at revision b...\n", true)),
            ),
            (
                Rollable::StatefulSet,
                partitioned.clone(),
                json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1}),
                0,
                Ok((
                    "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...\n",
                    false,
                )),
            ),
            (
                Rollable::StatefulSet,
                partitioned,
                json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 2}),
                0,
                Ok(("partitioned roll out complete: 2 new pods have been updated...\n", true)),
            ),
        ]);
    }
}
