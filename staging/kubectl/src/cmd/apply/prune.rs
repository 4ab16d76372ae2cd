//! `--prune`: deletes what was applied once and is not in the files any more.

use std::sync::Arc;

use kubectl_objects::last_applied;
use serde_json::Value;

use cli_runtime::resource::{list, text_at};
use cli_runtime::{RestMapping, Result, message};

use super::{ApplyOptions, Visited};
use crate::frame::Context;

/// What is pruned unless `--prune-allowlist` says otherwise: those with a namespace, then those without.
const ALLOWLIST: [(&str, &str); 16] = [
    ("v1", "ConfigMap"),
    ("v1", "Endpoints"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
];

/// The resources of the allowlist.
///
/// # Errors
/// An entry is not `group/version/kind`, or not served.
pub(crate) async fn parse(context: &Context, texts: &[String]) -> Result<Vec<Arc<RestMapping>>> {
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        let parts: Vec<&str> = text.split('/').collect();
        let [group, version, kind] = parts[..] else {
            return Err(message!(
                "invalid GroupVersionKind format: {text}, please follow <group/version/kind>"
            ));
        };
        let api_version = match group {
            "core" | "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        found.push(context.factory.mapping(&api_version, kind).await?);
    }
    Ok(found)
}

async fn default_resources(context: &Context) -> Result<Vec<Arc<RestMapping>>> {
    let mut found = Vec::with_capacity(ALLOWLIST.len());
    for (api_version, kind) in ALLOWLIST {
        let mapping = context.factory.mapping(api_version, kind).await;
        found.push(mapping.map_err(|error| {
            message!("error retrieving RESTMappings to prune: invalid resource {api_version}, Kind={kind}: {error}")
        })?);
    }
    Ok(found)
}

/// What was applied once and is not in the files any more; `resources` are those of the allowlist, none for the default.
///
/// # Errors
/// The server cannot be asked.
pub(crate) async fn candidates(
    context: &Context,
    resources: &[Arc<RestMapping>],
    selector: &str,
    visited: &Visited,
) -> Result<Vec<(Arc<RestMapping>, Value)>> {
    let resources = if resources.is_empty() {
        default_resources(context).await?
    } else {
        resources.to_vec()
    };
    let (namespaced, others): (Vec<_>, Vec<_>) = resources.into_iter().partition(|resource| resource.namespaced);
    let mut found = Vec::new();
    for namespace in &visited.namespaces {
        for resource in &namespaced {
            unvisited(context, resource, namespace, selector, visited, &mut found)
                .await
                .map_err(|error| message!("error pruning namespaced object {}: {error}", kind_of(resource)))?;
        }
    }
    for resource in &others {
        unvisited(context, resource, "", selector, visited, &mut found)
            .await
            .map_err(|error| message!("error pruning nonNamespaced object {}: {error}", kind_of(resource)))?;
    }
    Ok(found)
}

fn kind_of(resource: &RestMapping) -> String {
    format!("{}/{}, Kind={}", resource.group, resource.version, resource.kind)
}

async fn unvisited(
    context: &Context,
    resource: &Arc<RestMapping>,
    namespace: &str,
    selector: &str,
    visited: &Visited,
    found: &mut Vec<(Arc<RestMapping>, Value)>,
) -> Result<()> {
    let client = context.factory.client()?;
    for mut page in list(&client, resource, namespace, selector, "").await? {
        let Value::Array(items) = page["items"].take() else {
            continue;
        };
        // Nobody applied it, or it was applied just now.
        let old = items.into_iter().filter(|object| {
            last_applied::original(object).is_some() && !visited.uids.contains(text_at(object, &["metadata", "uid"]))
        });
        found.extend(old.map(|object| (resource.clone(), object)));
    }
    Ok(())
}

/// Deletes what is not in the files any more.
///
/// # Errors
/// The server refuses.
pub(super) async fn prune_all(
    options: &ApplyOptions,
    context: &Context,
    resources: &[Arc<RestMapping>],
    visited: &Visited,
) -> Result<()> {
    for (resource, object) in candidates(context, resources, &options.selector, visited).await? {
        if !options.writing.dry_run.is_client() {
            let namespace = text_at(&object, &["metadata", "namespace"]);
            let api = context.factory.dynamic(&resource, namespace)?;
            let name = text_at(&object, &["metadata", "name"]);
            let error = |error| {
                let scope = if resource.namespaced {
                    "namespaced"
                } else {
                    "nonNamespaced"
                };
                message!("error pruning {scope} object {}: {error}", kind_of(&resource))
            };
            api.delete(name, &options.deletion().options()).await.map_err(error)?;
        }
        options.writing.print_as(context, "pruned", &object)?;
    }
    Ok(())
}
