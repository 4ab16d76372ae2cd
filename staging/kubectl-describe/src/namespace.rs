//! `Namespace`: its phase, its quotas and its limit ranges.

use cli_runtime::Result;
use serde_json::Value;

use crate::fields::{SINCE, conditions};
use crate::text::{Text, put};
use crate::values::{items, text};
use crate::{Related, Subject, limitrange, metadata, resourcequota};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    put!(out, 0, "Status:\t{}\n", text(object, "/status/phase"));
    conditions(items(object, "/status/conditions"), &SINCE, "", out);
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

fn quotas(mut quotas: Vec<Value>, out: &mut Text) {
    if quotas.is_empty() {
        put!(out, 0, "No resource quota.\n");
        return;
    }
    quotas.sort_by(|a, b| text(a, "/metadata/name").cmp(text(b, "/metadata/name")));
    put!(out, 0, "Resource Quotas\n");
    for quota in &quotas {
        put!(out, 1, "Name:\t{}\n", text(quota, "/metadata/name"));
        resourcequota::scopes(quota, 1, "", out);
        put!(out, 1, "Resource\tUsed\tHard\n");
        put!(out, 1, "--------\t---\t---\n");
        for (resource, hard, used) in resourcequota::amounts(quota) {
            put!(out, 1, "{resource}\t{used}\t{hard}\n");
        }
    }
}

fn limit_ranges(ranges: &[Value], out: &mut Text) {
    if ranges.is_empty() {
        put!(out, 0, "No LimitRange resource.\n");
        return;
    }
    put!(out, 0, "Resource Limits\n");
    limitrange::table(ranges, " ", out);
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
