//! What controllers of pods share: selectors, counts of pods, conditions.

use apimachinery::selectors::Selector;
use cli_runtime::{Result, message};
use k8s_api::meta::v1::LabelSelector;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, text};
use crate::{Related, Subject, metadata};

/// The label selector of the API there, as text.
pub(crate) fn selector(object: &Value, pointer: &str) -> Result<String> {
    let selector: Option<LabelSelector> = match object.pointer(pointer) {
        Some(selector) => serde_json::from_value(selector.clone()).map_err(|error| message!("{error}"))?,
        None => None,
    };
    let selector = Selector::from_api(selector.as_ref()).map_err(|error| message!("{error}"))?;
    Ok(selector.to_string())
}

/// As [`selector`], in words where there is none.
pub(crate) fn selector_or_none(object: &Value, pointer: &str) -> String {
    match selector(object, pointer) {
        Ok(selector) if selector.is_empty() => "<none>".to_owned(),
        Ok(selector) => selector,
        Err(_) => "<error>".to_owned(),
    }
}

/// `1 Running / 0 Waiting / 0 Succeeded / 0 Failed`: the pods that the object controls.
pub(crate) async fn pods_status(subject: &Subject<'_>, selector: &str) -> Result<String> {
    let pods = controlled(subject, "v1", "Pod", selector).await?;
    let count = |phase: &str| pods.iter().filter(|pod| text(pod, "/status/phase") == phase).count();
    Ok(format!(
        "{} Running / {} Waiting / {} Succeeded / {} Failed",
        count("Running"),
        count("Pending"),
        count("Succeeded"),
        count("Failed")
    ))
}

/// The objects of a kind that a selector chooses and the object controls.
pub(crate) async fn controlled(
    subject: &Subject<'_>,
    api_version: &str,
    kind: &str,
    selector: &str,
) -> Result<Vec<Value>> {
    let wanted = Related {
        api_version,
        kind,
        namespace: text(subject.object, "/metadata/namespace"),
        labels: selector,
        fields: "",
    };
    let uid = text(subject.object, "/metadata/uid");
    let mut found = subject.cluster.list(&wanted).await?;
    found.retain(|object| metadata::controller(object).is_some_and(|owner| text(owner, "/uid") == uid));
    Ok(found)
}

/// The conditions with their reasons.
pub(crate) fn conditions(object: &Value, out: &mut Text) {
    let conditions = items(object, "/status/conditions");
    if conditions.is_empty() {
        return;
    }
    put!(out, 0, "Conditions:\n  Type\tStatus\tReason\n");
    put!(out, 1, "----\t------\t------\n");
    for condition in conditions {
        put!(
            out,
            1,
            "{} \t{}\t{}\n",
            text(condition, "/type"),
            text(condition, "/status"),
            text(condition, "/reason")
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn only_controlled_pods_count() {
        let pod = |uid: &str, phase: &str| {
            json!({
                "metadata": {"ownerReferences": [{"uid": uid, "controller": true}]},
                "status": {"phase": phase},
            })
        };
        let related = vec![pod("u", "Running"), pod("u", "Pending"), pod("other", "Running")];
        for kind in ["ReplicaSet", "DaemonSet", "StatefulSet"] {
            let object = json!({"kind": kind, "metadata": {"name": "o", "uid": "u"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}});
            let description = described("apps", &object, related.clone()).await;
            let line = description.lines().find_map(|line| line.strip_prefix("Pods Status:"));
            assert_eq!(
                line.map(str::trim),
                Some("1 Running / 1 Waiting / 0 Succeeded / 0 Failed"),
                "{kind}"
            );
        }
    }
}
