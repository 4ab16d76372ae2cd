//! `kubectl top`: what nodes and pods use, from `metrics.k8s.io`.

mod node;
mod pod;
mod print;
mod usage;

use client_go::api::{GroupVersionResource, Resource};
use client_go::rest::Client;
use http::Method;
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

use self::usage::SortBy;
use crate::frame::{Arguments, Command, Context, Group};

/// The command.
pub static COMMAND: Command = Command {
    name: "top",
    usage: "",
    short: "Display resource (CPU/memory) usage",
    long: "Display resource (CPU/memory) usage.\n\n The figures are those of the Metrics Server, which collects them from the kubelets; it must run in the cluster. They are made for autoscalers, so that they may differ from what a tool on the node shows.\n\n This is a glance at what pods and nodes use at the moment and at what an autoscaler sees, not monitoring.",
    group: Group::ClusterManagement,
    suggest_for: &["stats"],
    subcommands: &[&node::COMMAND, &pod::COMMAND],
    ..Command::EMPTY
};

/// The group of the metrics.
const METRICS: &str = "metrics.k8s.io";
/// The version of it that is understood.
const VERSION: &str = "v1beta1";

/// The one name that may be given; empty for all.
///
/// # Errors
/// There are more.
fn only_name<'a>(context: &Context, arguments: &'a Arguments, usage: &str) -> Result<&'a str> {
    match arguments.as_ref() {
        [] => Ok(""),
        [name] => Ok(name),
        _ => Err(context.usage_error(usage)),
    }
}

/// `--sort-by`.
///
/// # Errors
/// Neither of the two, nor empty.
fn sort_by(text: &str) -> Result<SortBy> {
    match text {
        "" => Ok(SortBy::Name),
        "cpu" => Ok(SortBy::Cpu),
        "memory" => Ok(SortBy::Memory),
        _ => Err(message!("--sort-by accepts only cpu or memory")),
    }
}

/// Whether a list of groups has the metrics in a version that is understood.
fn has_metrics(groups: &Value) -> bool {
    let groups = groups["groups"].as_array().into_iter().flatten();
    groups
        .filter(|group| text_at(group, &["name"]) == METRICS)
        .flat_map(|group| group["versions"].as_array().into_iter().flatten())
        .any(|version| text_at(version, &["version"]) == VERSION)
}

/// Fails where nobody serves metrics. The server is asked itself: discovery's cache may be older than the Metrics Server.
async fn require_metrics(client: &Client) -> Result<()> {
    let request = client.request(Method::GET, "/apis").accept("application/json");
    let available = match request.send().await {
        Ok(response) => has_metrics(&decode(&response.body)?),
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error.into()),
    };
    if available {
        Ok(())
    } else {
        Err(message!("Metrics API not available"))
    }
}

fn decode(body: &[u8]) -> Result<Value> {
    Ok(serde_json::from_slice(body).map_err(|error| client_go::Error::Decode(error.to_string()))?)
}

/// What is asked for: one object by its name, or those that selectors find.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted<'w> {
    namespace: &'w str,
    name: &'w str,
    labels: &'w str,
    fields: &'w str,
}

/// The objects of a resource.
async fn fetch(client: &Client, names: GroupVersionResource, wanted: &Wanted<'_>) -> Result<Vec<Value>> {
    let namespace = (!wanted.namespace.is_empty()).then(|| wanted.namespace.to_owned());
    let resource = Resource::new(client.clone(), names, namespace);
    let accept = "application/json";
    if !wanted.name.is_empty() {
        let response = resource
            .object(Method::GET, wanted.name, None)?
            .accept(accept)
            .send()
            .await?;
        return Ok(vec![decode(&response.body)?]);
    }
    let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let response = resource
        .collection(Method::GET)
        .accept(accept)
        .query_some("fieldSelector", some(wanted.fields).as_deref())
        .query_some("labelSelector", some(wanted.labels).as_deref())
        .send()
        .await?;
    match decode(&response.body)?["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

/// The metrics of `pods` or `nodes`.
async fn fetch_metrics(client: &Client, resource: &str, wanted: &Wanted<'_>) -> Result<Vec<Value>> {
    fetch(client, GroupVersionResource::new(METRICS, VERSION, resource), wanted).await
}

/// The `pods` or `nodes` themselves.
async fn fetch_objects(client: &Client, resource: &str, wanted: &Wanted<'_>) -> Result<Vec<Value>> {
    fetch(client, GroupVersionResource::new("", "v1", resource), wanted).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_are_served_in_a_version() {
        for (group, version, expected) in [
            ("metrics.k8s.io", "v1beta1", true),
            ("metrics.k8s.io", "v1", false),
            ("apps", "v1beta1", false),
        ] {
            let groups = json!({"groups": [{"name": group, "versions": [{"version": version}]}]});
            assert_eq!(has_metrics(&groups), expected, "{group}/{version}");
        }
    }

    #[test]
    fn two_fields_sort() {
        assert_eq!(sort_by("").expect("none"), SortBy::Name);
        assert_eq!(sort_by("memory").expect("memory"), SortBy::Memory);
        let error = sort_by("name").expect_err("no such field");
        assert_eq!(error.to_string(), "--sort-by accepts only cpu or memory");
    }
}
