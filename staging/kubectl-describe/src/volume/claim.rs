//! `PersistentVolumeClaim`: what it is bound to and who uses it; also the template that a pod's own volumes are made of.

use cli_runtime::Result;
use serde_json::Value;

use super::persistent::{finalizers, status};
use super::{access_modes, class};
use crate::fields::{Column, SINCE, conditions, fields, given};
use crate::text::{Text, put};
use crate::values::{items, or_none, some, text};
use crate::{Related, Subject, metadata};

/// The columns of a claim's conditions.
const CONDITIONS: [Column; 6] = [
    SINCE[0],
    SINCE[1],
    ("LastProbeTime", "-----------------", "/lastProbeTime"),
    SINCE[2],
    SINCE[3],
    SINCE[4],
];

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let claim = subject.object;
    let users = users(subject).await?;
    put!(out, 0, "Name:\t{}\n", text(claim, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(claim, "/metadata/namespace"));
    put!(out, 0, "StorageClass:\t{}\n", class(claim));
    status(claim, out);
    head(claim, out);
    finalizers(claim, out);
    tail(claim, out);
    put!(out, 0, "Used By:\t{}\n", or_none(&users.join("\n\t")));
    conditions(items(claim, "/status/conditions"), &CONDITIONS, " ", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}

/// The template of a claim.
pub(super) fn template(template: &Value, out: &mut Text) {
    put!(out, 0, "StorageClass:\t{}\n", class(template));
    head(template, out);
    tail(template, out);
}

fn head(claim: &Value, out: &mut Text) {
    put!(out, 0, "Volume:\t{}\n", text(claim, "/spec/volumeName"));
    metadata::labels("Labels", claim.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", claim.pointer("/metadata/annotations"), out);
}

fn tail(claim: &Value, out: &mut Text) {
    let bound = !text(claim, "/spec/volumeName").is_empty();
    let held = some(claim, "/status/capacity/storage").and_then(Value::as_str);
    let capacity = if bound { held.unwrap_or("0") } else { "" };
    let modes = items(claim, "/status/accessModes");
    let modes = if bound { access_modes(modes) } else { String::new() };
    put!(out, 0, "Capacity:\t{capacity}\n");
    put!(out, 0, "Access Modes:\t{modes}\n");
    given(claim, 0, &[("VolumeMode:", "/spec/volumeMode")], out);
    if let Some(source) = some(claim, "/spec/dataSource") {
        put!(out, 0, "DataSource:\n");
        given(source, 1, &[("APIGroup:", "/apiGroup")], out);
        fields(source, 1, &[("Kind:", "/kind", ""), ("Name:", "/name", "")], out);
    }
}

/// The names of the pods that mount the claim or own it.
async fn users(subject: &Subject<'_>) -> Result<Vec<String>> {
    let claim = subject.object;
    let wanted = Related {
        api_version: "v1",
        kind: "Pod",
        namespace: text(claim, "/metadata/namespace"),
        labels: "",
        fields: "",
    };
    let pods = subject.cluster.list(&wanted).await?;
    let name = text(claim, "/metadata/name");
    let owners = items(claim, "/metadata/ownerReferences");
    let mut users = Vec::new();
    for pod in &pods {
        let mounts = items(pod, "/spec/volumes")
            .iter()
            .filter(|volume| text(volume, "/persistentVolumeClaim/claimName") == name)
            .count();
        let uid = text(pod, "/metadata/uid");
        let owns = owners
            .iter()
            .any(|owner| text(owner, "/kind") == "Pod" && text(owner, "/uid") == uid);
        let times = mounts.max(usize::from(owns));
        users.extend(std::iter::repeat_n(text(pod, "/metadata/name").to_owned(), times));
    }
    users.sort();
    Ok(users)
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn pods_that_mount_or_own_a_claim_use_it() {
        let claim = json!({
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "c", "namespace": "n", "ownerReferences": [{"kind": "Pod", "name": "owner", "uid": "o"}]},
            "spec": {"resources": {"requests": {"storage": "1Gi"}}, "dataSource": {"kind": "PersistentVolumeClaim", "name": "other"}},
            "status": {"phase": "Pending"},
        });
        let pods = vec![
            json!({"metadata": {"name": "user"}, "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}}),
            json!({"metadata": {"name": "owner", "uid": "o"}}),
            json!({"metadata": {"name": "neither"}}),
        ];
        let description = described("", &claim, pods).await;
        let (description, _) = description.split_once("Events:").unwrap();
        assert_eq!(
            description,
            "Name:          c
Namespace:     n
StorageClass:  
Status:        Pending
Volume:        
Labels:        <none>
Annotations:   <none>
Finalizers:    []
Capacity:      
Access Modes:  
DataSource:
  Kind:   PersistentVolumeClaim
  Name:   other
Used By:  owner
          user
"
        );
    }
}
