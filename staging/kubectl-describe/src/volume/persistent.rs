//! `PersistentVolume`: its claim, where it can be used, and its source.

use cli_runtime::gotext::{age, go_value};
use serde_json::Value;

use super::{Holder, access_modes, class, source};
use crate::fields::{fields, given};
use crate::text::{Text, put};
use crate::values::{items, joined, some, text};
use crate::{Subject, metadata};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let volume = subject.object;
    put!(out, 0, "Name:\t{}\n", text(volume, "/metadata/name"));
    metadata::labels("Labels", volume.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", volume.pointer("/metadata/annotations"), out);
    finalizers(volume, out);
    put!(out, 0, "StorageClass:\t{}\n", class(volume));
    status(volume, out);
    let claim = some(volume, "/spec/claimRef")
        .map(|claim| format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")))
        .unwrap_or_default();
    put!(out, 0, "Claim:\t{claim}\n");
    let policy = text(volume, "/spec/persistentVolumeReclaimPolicy");
    put!(out, 0, "Reclaim Policy:\t{policy}\n");
    let modes = access_modes(items(volume, "/spec/accessModes"));
    put!(out, 0, "Access Modes:\t{modes}\n");
    given(volume, 0, &[("VolumeMode:", "/spec/volumeMode")], out);
    fields(volume, 0, &[("Capacity:", "/spec/capacity/storage", "0")], out);
    node_affinity(volume, out);
    put!(out, 0, "Message:\t{}\n", text(volume, "/status/message"));
    put!(out, 0, "Source:\n");
    source(&volume["spec"], Holder::PersistentVolume, out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

pub(super) fn finalizers(object: &Value, out: &mut Text) {
    let finalizers = some(object, "/metadata/finalizers").map_or_else(|| "[]".to_owned(), go_value);
    put!(out, 0, "Finalizers:\t{finalizers}\n");
}

/// The phase, or that it is being deleted.
pub(super) fn status(object: &Value, out: &mut Text) {
    match text(object, "/metadata/deletionTimestamp") {
        "" => put!(out, 0, "Status:\t{}\n", text(object, "/status/phase")),
        deleted => put!(out, 0, "Status:\tTerminating (lasts {})\n", age(deleted)),
    }
}

fn node_affinity(volume: &Value, out: &mut Text) {
    put!(out, 0, "Node Affinity:\t");
    let Some(required) = some(volume, "/spec/nodeAffinity/required") else {
        return put!(out, 0, "<none>\n");
    };
    put!(out, 0, "\n");
    put!(out, 1, "Required Terms:\t");
    let terms = items(required, "/nodeSelectorTerms");
    put!(out, 0, "{}\n", if terms.is_empty() { "<none>" } else { "" });
    for (at, term) in terms.iter().enumerate() {
        let expressions = items(term, "/matchExpressions");
        let expressions = expressions.iter().map(|expression| {
            let (key, operator) = (text(expression, "/key"), text(expression, "/operator").to_lowercase());
            (format!("{key} {operator}"), joined(expression, "/values", ", "))
        });
        term_lines(2, at, expressions, out);
    }
}

/// A numbered term, one line for each of its expressions: what must hold, and the values it must hold with.
pub(crate) fn term_lines(
    level: usize,
    number: usize,
    expressions: impl ExactSizeIterator<Item = (String, String)>,
    out: &mut Text,
) {
    put!(out, level, "Term {number}:\t");
    if expressions.len() == 0 {
        put!(out, 0, "<none>\n");
    }
    for (at, (what, values)) in expressions.enumerate() {
        if at > 0 {
            put!(out, level, "\t");
        }
        match values.as_str() {
            "" => put!(out, 0, "{what}\n"),
            values => put!(out, 0, "{what} [{values}]\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn a_local_volume_says_where_it_is() {
        let object = json!({
            "kind": "PersistentVolume", "metadata": {"name": "v", "finalizers": ["kubernetes.io/pv-protection"]},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany", "ReadWriteOnce"], "volumeMode": "Filesystem",
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "fast", "local": {"path": "/data"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "zone", "operator": "In", "values": ["a", "b"]}, {"key": "gone", "operator": "DoesNotExist"},
                ]}, {}]}},
            },
            "status": {"phase": "Available"},
        });
        assert_eq!(
            described("", &object, Vec::new()).await,
            "Name:              v
Labels:            <none>
Annotations:       <none>
Finalizers:        [kubernetes.io/pv-protection]
StorageClass:      fast
Status:            Available
Claim:             
Reclaim Policy:    Retain
Access Modes:      RWO,ROX
VolumeMode:        Filesystem
Capacity:          1Gi
Node Affinity:     
  Required Terms:  
    Term 0:        zone in [a, b]
                   gone doesnotexist
    Term 1:        <none>
Message:           
Source:
    Type:  LocalVolume (a persistent volume backed by local storage on a node)
    Path:  /data
Events:    <none>
"
        );
    }
}
