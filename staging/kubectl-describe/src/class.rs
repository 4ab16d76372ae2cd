//! Classes of priorities, of storage and of volume attributes; the drivers of a node.

use cli_runtime::gotext::{format_labels, go_value};
use serde_json::Value;

use crate::fields::{created, fields, given};
use crate::text::{Text, put};
use crate::values::{items, joined, some, text, truth};
use crate::volume::persistent::term_lines;
use crate::{Subject, metadata};

/// What marks the default class.
const DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// Labels of a class, as its describers show all maps: on one line.
fn pairs(title: &str, object: &Value, field: &str, out: &mut Text) {
    put!(out, 0, "{title}:\t{}\n", format_labels(object.pointer(field)));
}

/// `PriorityClass`.
pub(crate) async fn describe_priority(subject: &Subject<'_>, out: &mut Text) {
    let class = subject.object;
    let shown = &[
        ("Name:", "/metadata/name", ""),
        ("Value:", "/value", "0"),
        ("GlobalDefault:", "/globalDefault", "false"),
        ("PreemptionPolicy:", "/preemptionPolicy", ""),
        ("Description:", "/description", ""),
    ];
    fields(class, 0, shown, out);
    pairs("Annotations", class, "/metadata/annotations", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// `StorageClass`.
pub(crate) async fn describe_storage(subject: &Subject<'_>, out: &mut Text) {
    let class = subject.object;
    put!(out, 0, "Name:\t{}\n", text(class, "/metadata/name"));
    let annotations = &class["metadata"]["annotations"];
    let default = DEFAULT.iter().any(|mark| annotations[mark] == "true");
    put!(out, 0, "IsDefaultClass:\t{}\n", if default { "Yes" } else { "No" });
    pairs("Annotations", class, "/metadata/annotations", out);
    put!(out, 0, "Provisioner:\t{}\n", text(class, "/provisioner"));
    pairs("Parameters", class, "/parameters", out);
    let expands = some(class, "/allowVolumeExpansion").and_then(Value::as_bool);
    put!(out, 0, "AllowVolumeExpansion:\t{}\n", expands.map_or("<unset>", truth));
    match items(class, "/mountOptions") {
        [] => put!(out, 0, "MountOptions:\t<none>\n"),
        _ => put!(out, 0, "MountOptions:\n"),
    }
    for option in items(class, "/mountOptions") {
        put!(out, 1, "{}\n", go_value(option));
    }
    let policies = &[
        ("ReclaimPolicy:", "/reclaimPolicy"),
        ("VolumeBindingMode:", "/volumeBindingMode"),
    ];
    given(class, 0, policies, out);
    let topologies = items(class, "/allowedTopologies");
    if !topologies.is_empty() {
        put!(out, 0, "AllowedTopologies:\t\n");
    }
    for (at, term) in topologies.iter().enumerate() {
        let expressions = items(term, "/matchLabelExpressions").iter().map(|expression| {
            let values = joined(expression, "/values", ", ");
            (format!("{} in", text(expression, "/key")), values)
        });
        term_lines(1, at, expressions, out);
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// `VolumeAttributesClass`.
pub(crate) async fn describe_attributes(subject: &Subject<'_>, out: &mut Text) {
    let class = subject.object;
    put!(out, 0, "Name:\t{}\n", text(class, "/metadata/name"));
    pairs("Annotations", class, "/metadata/annotations", out);
    put!(out, 0, "DriverName:\t{}\n", text(class, "/driverName"));
    pairs("Parameters", class, "/parameters", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// `CSINode`.
pub(crate) async fn describe_drivers(subject: &Subject<'_>, out: &mut Text) {
    let node = subject.object;
    put!(out, 0, "Name:\t{}\n", text(node, "/metadata/name"));
    metadata::labels("Labels", node.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", node.pointer("/metadata/annotations"), out);
    created(node, out);
    put!(out, 0, "Spec:\n");
    if some(node, "/spec/drivers").is_some() {
        put!(out, 1, "Drivers:\n");
    }
    for driver in items(node, "/spec/drivers") {
        put!(out, 2, "{}:\n", text(driver, "/name"));
        put!(out, 3, "Node ID:\t{}\n", text(driver, "/nodeID"));
        if let Some(count) = some(driver, "/allocatable/count") {
            put!(out, 3, "Allocatables:\n");
            put!(out, 4, "Count:\t{count}\n");
        }
        if let Some(keys) = some(driver, "/topologyKeys") {
            put!(out, 3, "Topology Keys:\t{}\n", go_value(keys));
        }
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn the_default_storage_class_says_so() {
        for (mark, expected) in [(super::DEFAULT[0], "Yes"), (super::DEFAULT[1], "Yes"), ("other", "No")] {
            let class = json!({
                "kind": "StorageClass", "metadata": {"name": "s", "annotations": {mark: "true"}}, "provisioner": "p",
                "mountOptions": ["ro"], "allowVolumeExpansion": true, "reclaimPolicy": "Delete",
                "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}, {"key": "rack", "values": ["1", "2"]}]}],
            });
            assert_eq!(
                described("storage.k8s.io", &class, Vec::new()).await,
                format!(
                    "Name:                  s
IsDefaultClass:        {expected}
Annotations:           {mark}=true
Provisioner:           p
Parameters:            <none>
AllowVolumeExpansion:  True
MountOptions:
  ro
ReclaimPolicy:      Delete
AllowedTopologies:  \n  Term 0:           zone in [a]
                    rack in [1, 2]
Events:             <none>
"
                )
            );
        }
    }
}
