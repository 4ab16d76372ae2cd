//! `Namespace`: its phase, its quotas and its limit ranges.

use cli_runtime::Result;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::text::{Text, put};
use crate::values::{items, sorted, text, time};
use crate::{Related, Subject, metadata};

/// What a limit range bounds, in the order of the columns.
const BOUNDS: [&str; 5] = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];

/// A quota's scopes in words.
const SCOPES: [(&str, &str); 4] = [
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.",
    ),
];

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    put!(out, 0, "Status:\t{}\n", text(object, "/status/phase"));
    conditions(items(object, "/status/conditions"), out);
    if let Some(found) = held(subject, "ResourceQuota").await? {
        put!(out, 0, "\n");
        quotas(found, out);
    }
    if let Some(found) = held(subject, "LimitRange").await? {
        put!(out, 0, "\n");
        limit_ranges(&found, out);
    }
    Ok(())
}

/// The objects of a kind in the namespace; `None` if the server does not serve the kind.
async fn held(subject: &Subject<'_>, kind: &str) -> Result<Option<Vec<Value>>> {
    let wanted = Related {
        api_version: "v1",
        kind,
        namespace: text(subject.object, "/metadata/name"),
        labels: "",
        fields: "",
    };
    match subject.cluster.list(&wanted).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn conditions(conditions: &[Value], out: &mut Text) {
    if conditions.is_empty() {
        return;
    }
    put!(out, 0, "Conditions:\n");
    put!(out, 1, "Type\tStatus\tLastTransitionTime\tReason\tMessage\n");
    put!(out, 1, "----\t------\t------------------\t------\t-------\n");
    for condition in conditions {
        put!(
            out,
            1,
            "{}\t{}\t{}\t{}\t{}\n",
            text(condition, "/type"),
            text(condition, "/status"),
            time(text(condition, "/lastTransitionTime")),
            text(condition, "/reason"),
            text(condition, "/message")
        );
    }
}

fn quotas(mut quotas: Vec<Value>, out: &mut Text) {
    if quotas.is_empty() {
        put!(out, 0, "No resource quota.\n");
        return;
    }
    quotas.sort_by(|a, b| text(a, "/metadata/name").cmp(text(b, "/metadata/name")));
    put!(out, 0, "Resource Quotas\n");
    for quota in &quotas {
        put!(out, 1, "Name:\t{}\n", text(quota, "/metadata/name"));
        let mut scopes: Vec<_> = items(quota, "/spec/scopes").iter().filter_map(Value::as_str).collect();
        scopes.sort_unstable();
        if !scopes.is_empty() {
            put!(out, 1, "Scopes:\t{}\n", scopes.join(", "));
        }
        for scope in scopes {
            if let Some((_, words)) = SCOPES.iter().find(|(name, _)| *name == scope) {
                put!(out, 1, "* {words}\n");
            }
        }
        put!(out, 1, "Resource\tUsed\tHard\n");
        put!(out, 1, "--------\t---\t---\n");
        for (resource, hard) in sorted(quota.pointer("/status/hard")) {
            let used = quota.pointer("/status/used").and_then(|used| used.get(resource));
            let used = used.and_then(Value::as_str).unwrap_or("0");
            put!(out, 1, "{resource}\t{used}\t{}\n", hard.as_str().unwrap_or_default());
        }
    }
}

fn limit_ranges(ranges: &[Value], out: &mut Text) {
    if ranges.is_empty() {
        put!(out, 0, "No LimitRange resource.\n");
        return;
    }
    put!(
        out,
        0,
        "Resource Limits\n Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n"
    );
    put!(
        out,
        0,
        " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n"
    );
    for limit in ranges.iter().flat_map(|range| items(range, "/spec/limits")) {
        let maps = BOUNDS.map(|bound| limit.get(bound).and_then(Value::as_object));
        let names: BTreeSet<_> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
        for name in names {
            let values = maps.map(|map| map.and_then(|map| map.get(name)).and_then(Value::as_str).unwrap_or("-"));
            put!(out, 0, " {}\t{name}\t{}\n", text(limit, "/type"), values.join("\t"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn what_holds_nothing_says_so() {
        let object = json!({"kind": "Namespace", "metadata": {"name": "n"}, "status": {"phase": "Active"}});
        assert_eq!(
            described("", &object, Vec::new()).await,
            "Name:         n\nLabels:       <none>\nAnnotations:  <none>\nStatus:       Active\n\nNo resource quota.\n\nNo LimitRange resource.\n"
        );
    }
}
