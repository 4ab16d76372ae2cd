//! `DaemonSet`: on how many nodes it runs, and its template.

use cli_runtime::Result;
use cli_runtime::gotext::format_labels;

use crate::text::{Text, put};
use crate::values::{number, text};
use crate::workload::{pods_status, selector};
use crate::{Subject, metadata, pod};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    let selector = selector(object, "/spec/selector")?;
    let status = pods_status(subject, &selector).await?;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    put!(out, 0, "Selector:\t{selector}\n");
    let nodes = format_labels(object.pointer("/spec/template/spec/nodeSelector"));
    put!(out, 0, "Node-Selector:\t{nodes}\n");
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    for (title, field) in [
        ("Desired Number of Nodes Scheduled", "/status/desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "/status/currentNumberScheduled"),
        (
            "Number of Nodes Scheduled with Up-to-date Pods",
            "/status/updatedNumberScheduled",
        ),
        (
            "Number of Nodes Scheduled with Available Pods",
            "/status/numberAvailable",
        ),
        ("Number of Nodes Misscheduled", "/status/numberMisscheduled"),
    ] {
        put!(out, 0, "{title}: {}\n", number(object, field));
    }
    put!(out, 0, "Pods Status:\t{status}\n");
    pod::template(&object["spec"]["template"], out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}
