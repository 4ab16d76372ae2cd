//! The events about an object.

use cli_runtime::Result;
use cli_runtime::gotext::age;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{number, text};
use crate::{Cluster, Related};

/// Events, the last one last.
#[derive(Default)]
pub(crate) struct Events(Vec<Value>);

/// The events about an object.
pub(crate) async fn about(cluster: &dyn Cluster, object: &Value, kind: &str) -> Result<Events> {
    let (name, namespace, uid) = (
        text(object, "/metadata/name"),
        text(object, "/metadata/namespace"),
        text(object, "/metadata/uid"),
    );
    let mut fields = format!("involvedObject.name={name},involvedObject.namespace={namespace}");
    for (field, value) in [("kind", kind), ("uid", uid)] {
        if !value.is_empty() {
            fields.push_str(&format!(",involvedObject.{field}={value}"));
        }
    }
    let found = cluster
        .list(&Related {
            api_version: "v1",
            kind: "Event",
            namespace,
            labels: "",
            fields: &fields,
        })
        .await?;
    let mut found = Events(found);
    found.sort();
    Ok(found)
}

impl Events {
    fn sort(&mut self) {
        // Whole seconds in UTC: the order of the texts is that of the times.
        self.0
            .sort_by(|a, b| text(a, "/lastTimestamp").cmp(text(b, "/lastTimestamp")));
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, others: Self) {
        self.0.extend(others.0);
        self.sort();
    }

    /// The table.
    pub(crate) fn describe(&self, out: &mut Text) {
        if self.0.is_empty() {
            put!(out, 0, "Events:\t<none>\n");
            return;
        }
        put!(out, 0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n");
        put!(out, 1, "----\t------\t----\t----\t-------\n");
        for event in &self.0 {
            let component = Some(text(event, "/source/component")).filter(|component| !component.is_empty());
            let path = text(event, "/involvedObject/fieldPath");
            let message = text(event, "/message").trim();
            put!(
                out,
                1,
                "{}\t{}\t{}\t{}\t{path}{}{message}\n",
                text(event, "/type"),
                text(event, "/reason"),
                ages(event),
                component.unwrap_or_else(|| text(event, "/reportingComponent")),
                if path.is_empty() { "" } else { ": " }
            );
        }
    }
}

/// When it happened, and how often.
fn ages(event: &Value) -> String {
    let first = match text(event, "/eventTime") {
        "" => age(text(event, "/firstTimestamp")),
        time => age(time),
    };
    let (last, count) = match event.pointer("/series") {
        Some(series) if !series.is_null() => (text(series, "/lastObservedTime"), number(series, "/count")),
        _ => match number(event, "/count") {
            count if count > 1 => (text(event, "/lastTimestamp"), count),
            _ => return first,
        },
    };
    format!("{} (x{count} over {first})", age(last))
}
