//! `Deployment`: its strategy, its template and its replica sets.

use cli_runtime::Result;
use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{number, or_none, some, text, time};
use crate::workload::{conditions, controlled, selector};
use crate::{Subject, metadata, pod};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    let selector = selector(object, "/spec/selector")?;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    let created = time(text(object, "/metadata/creationTimestamp"));
    put!(out, 0, "CreationTimestamp:\t{created}\n");
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    put!(out, 0, "Selector:\t{selector}\n");
    put!(
        out,
        0,
        "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable\n",
        number(object, "/spec/replicas"),
        number(object, "/status/updatedReplicas"),
        number(object, "/status/replicas"),
        number(object, "/status/availableReplicas"),
        number(object, "/status/unavailableReplicas")
    );
    put!(out, 0, "StrategyType:\t{}\n", text(object, "/spec/strategy/type"));
    put!(
        out,
        0,
        "MinReadySeconds:\t{}\n",
        number(object, "/spec/minReadySeconds")
    );
    if let Some(rolling) = some(object, "/spec/strategy/rollingUpdate") {
        let bound = |field: &str| some(rolling, field).map_or_else(|| "<nil>".to_owned(), go_value);
        let (unavailable, surge) = (bound("/maxUnavailable"), bound("/maxSurge"));
        put!(
            out,
            0,
            "RollingUpdateStrategy:\t{unavailable} max unavailable, {surge} max surge\n"
        );
    }
    pod::template(&object["spec"]["template"], out);
    conditions(object, out);
    // Who may not see the replica sets still sees the deployment.
    if let Ok(sets) = controlled(subject, "apps/v1", "ReplicaSet", &selector).await
        && !sets.is_empty()
    {
        let (new, old) = parted(object, sets);
        put!(out, 0, "OldReplicaSets:\t{}\n", or_none(&named(&old)));
        put!(out, 0, "NewReplicaSet:\t{}\n", or_none(&named(&new)));
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}

/// The oldest replica set of the deployment's template, and all others.
fn parted(deployment: &Value, mut sets: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    sets.sort_by(|a, b| {
        let key = |set: &Value| {
            (
                text(set, "/metadata/creationTimestamp").to_owned(),
                text(set, "/metadata/name").to_owned(),
            )
        };
        key(a).cmp(&key(b))
    });
    let template = unhashed(deployment);
    let new = sets.iter().position(|set| unhashed(set) == template);
    (new.map(|at| sets.remove(at)).into_iter().collect(), sets)
}

/// The template without the label that tells a deployment's replica sets apart.
fn unhashed(object: &Value) -> Value {
    let mut template = object["spec"]["template"].clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
        metadata.remove("creationTimestamp");
    }
    template
}

fn named(sets: &[Value]) -> String {
    let named: Vec<_> = sets
        .iter()
        .map(|set| {
            format!(
                "{} ({}/{} replicas created)",
                text(set, "/metadata/name"),
                number(set, "/status/replicas"),
                number(set, "/spec/replicas")
            )
        })
        .collect();
    named.join(", ")
}
