//! `StatefulSet`: its update strategy, its template and the claims each pod gets.

use cli_runtime::Result;
use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, number, some, sorted, text, time};
use crate::workload::{pods_status, selector};
use crate::{Subject, metadata, pod, volume};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    let selector = selector(object, "/spec/selector")?;
    let status = pods_status(subject, &selector).await?;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    let created = time(text(object, "/metadata/creationTimestamp"));
    put!(out, 0, "CreationTimestamp:\t{created}\n");
    put!(out, 0, "Selector:\t{selector}\n");
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    let (desired, total) = (number(object, "/spec/replicas"), number(object, "/status/replicas"));
    put!(out, 0, "Replicas:\t{desired} desired | {total} total\n");
    put!(
        out,
        0,
        "Update Strategy:\t{}\n",
        text(object, "/spec/updateStrategy/type")
    );
    if let Some(rolling) = some(object, "/spec/updateStrategy/rollingUpdate")
        && let Some(partition) = some(rolling, "/partition")
    {
        put!(out, 1, "Partition:\t{partition}\n");
        if let Some(most) = some(rolling, "/maxUnavailable") {
            put!(out, 1, "MaxUnavailable:\t{}\n", go_value(most));
        }
    }
    put!(out, 0, "Pods Status:\t{status}\n");
    pod::template(&object["spec"]["template"], out);
    claims(items(object, "/spec/volumeClaimTemplates"), out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}

fn claims(templates: &[Value], out: &mut Text) {
    let none = if templates.is_empty() { "\t<none>" } else { "" };
    put!(out, 0, "Volume Claims:{none}\n");
    for claim in templates {
        put!(out, 1, "Name:\t{}\n", text(claim, "/metadata/name"));
        put!(out, 1, "StorageClass:\t{}\n", volume::class(claim));
        for (title, field) in [("Labels", "/metadata/labels"), ("Annotations", "/metadata/annotations")] {
            put!(out, 1, "{title}:\t");
            let pairs = sorted(claim.pointer(field));
            if pairs.is_empty() {
                put!(out, 0, "<none>\n");
            }
            for (at, (key, value)) in pairs.into_iter().enumerate() {
                let indent = if at == 0 { "" } else { "  \t" };
                put!(out, 0, "{indent}{key}={}\n", value.as_str().unwrap_or_default());
            }
        }
        let capacity = some(claim, "/spec/resources/requests/storage").and_then(Value::as_str);
        put!(out, 1, "Capacity:\t{}\n", capacity.unwrap_or("<default>"));
        let modes = some(claim, "/spec/accessModes").map_or_else(|| "[]".to_owned(), go_value);
        put!(out, 1, "Access Modes:\t{modes}\n");
    }
}
