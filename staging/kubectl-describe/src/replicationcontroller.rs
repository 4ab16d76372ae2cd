//! `ReplicationController`: its pods by phase, and its template.

use apimachinery::selectors::Selector;
use cli_runtime::Result;
use cli_runtime::gotext::format_labels;

use crate::text::{Text, put};
use crate::values::{number, sorted, text};
use crate::workload::{conditions, pods_status};
use crate::{Subject, metadata, pod};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    let wanted: Vec<_> = sorted(object.pointer("/spec/selector"))
        .into_iter()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let selector = Selector::from_labels(wanted.iter().map(|(key, value)| (*key, value)));
    let status = pods_status(subject, &selector.to_string()).await?;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    let selector = format_labels(object.pointer("/spec/selector"));
    put!(out, 0, "Selector:\t{selector}\n");
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    let (current, desired) = (number(object, "/status/replicas"), number(object, "/spec/replicas"));
    put!(out, 0, "Replicas:\t{current} current / {desired} desired\n");
    put!(out, 0, "Pods Status:\t{status}\n");
    pod::template(&object["spec"]["template"], out);
    conditions(object, out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}
