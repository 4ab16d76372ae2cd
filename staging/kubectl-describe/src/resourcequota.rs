//! `ResourceQuota`: how much of each resource is used.

use k8s_api::primitives::Quantity;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, sorted, text};

/// A quota's scopes in words.
const SCOPES: [(&str, &str); 4] = [
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.",
    ),
];

pub(crate) fn describe(quota: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(quota, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(quota, "/metadata/namespace"));
    scopes(quota, 0, " ", out);
    put!(out, 0, "Resource\tUsed\tHard\n");
    put!(out, 0, "--------\t----\t----\n");
    for (resource, hard, used) in amounts(quota) {
        put!(out, 0, "{resource}\t{}\t{hard}\n", in_format_of(hard, used));
    }
}

/// The scopes, and what those mean that need words.
pub(crate) fn scopes(quota: &Value, level: usize, space: &str, out: &mut Text) {
    let mut scopes: Vec<_> = items(quota, "/spec/scopes").iter().filter_map(Value::as_str).collect();
    scopes.sort_unstable();
    if !scopes.is_empty() {
        put!(out, level, "Scopes:\t{}\n", scopes.join(", "));
    }
    for scope in scopes {
        if let Some((_, words)) = SCOPES.iter().find(|(name, _)| *name == scope) {
            put!(out, level, "{space}* {words}\n");
        }
    }
}

/// Each resource with what there may be and what there is of it.
pub(crate) fn amounts(quota: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    sorted(quota.pointer("/status/hard"))
        .into_iter()
        .map(|(resource, hard)| {
            let used = quota.pointer("/status/used").and_then(|used| used.get(resource));
            (
                resource.as_str(),
                hard.as_str().unwrap_or_default(),
                used.and_then(Value::as_str).unwrap_or("0"),
            )
        })
}

/// What is used, with the suffixes of what there may be.
fn in_format_of(hard: &str, used: &str) -> String {
    match (hard.parse::<Quantity>(), used.parse::<Quantity>()) {
        (Ok(hard), Ok(used)) if hard.format() != used.format() => {
            Quantity::new(used.value(), hard.format()).to_string()
        }
        _ => used.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn what_is_used_is_written_as_what_may_be() {
        let object = json!({
            "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "n"}, "spec": {"scopes": ["PriorityClass", "BestEffort"]},
            "status": {"hard": {"memory": "2Gi", "pods": "3", "requests.cpu": "1"}, "used": {"memory": "2048", "requests.cpu": "1500m"}},
        });
        assert_eq!(
            described("", &object, Vec::new()).await,
            "Name:       q
Namespace:  n
Scopes:     BestEffort, PriorityClass
 * Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.
Resource      Used   Hard
--------      ----   ----
memory        2Ki    2Gi
pods          0      3
requests.cpu  1500m  1
"
        );
    }
}
