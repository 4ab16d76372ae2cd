//! `ReplicaSet`: its pods by phase, and its template.

use cli_runtime::Result;

use crate::text::{Text, put};
use crate::values::{number, text};
use crate::workload::{conditions, pods_status, selector, selector_or_none};
use crate::{Subject, metadata, pod};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    let status = pods_status(subject, &selector(object, "/spec/selector")?).await;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    put!(out, 0, "Selector:\t{}\n", selector_or_none(object, "/spec/selector"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    metadata::controlled_by(object, out);
    let (current, desired) = (number(object, "/status/replicas"), number(object, "/spec/replicas"));
    put!(out, 0, "Replicas:\t{current} current / {desired} desired\n");
    match status {
        Ok(status) => put!(out, 0, "Pods Status:\t{status}\n"),
        Err(error) => put!(out, 0, "Pods Status:\terror in fetching pods: {error}\n"),
    }
    pod::template(&object["spec"]["template"], out);
    conditions(object, out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}
